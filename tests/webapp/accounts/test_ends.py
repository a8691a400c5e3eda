"""How long a sign-in lasts: a while without use, and some hours at most."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from django.conf import settings as project_settings
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from rest_framework.test import APIClient

from tests.webapp.conftest import PASSWORD
from webapp.accounts import tokens
from webapp.accounts.models import RefreshSession, User
from webapp.accounts.sessions import BEGAN, SessionStore
from webapp.core import clock
from webapp.scans.sweep import sweep

SETTINGS = Path(project_settings.BASE_DIR) / "webapp" / "settings.py"
TOKEN, REFRESH = "/api/v1/auth/token/", "/api/v1/auth/token/refresh/"
SECOND = timedelta(seconds=1)


def end(token: str) -> datetime:
    return datetime.fromtimestamp(jwt.decode(token, options={"verify_signature": False})["exp"], UTC)


def signed_in_before(user: User, ago: timedelta) -> tokens.TokenPair:
    """A sign-in that began then and was refreshed just now."""
    pair = tokens.issue(user)
    RefreshSession.objects.filter(user=user).update(began=clock.now() - ago)
    return pair


def test_a_sign_in_that_is_not_refreshed_ends_after_the_idle_time(clinician: User, settings: Any) -> None:
    settings.SIGN_IN_IDLE = timedelta(minutes=40)
    before = clock.now()
    pair = tokens.issue(clinician)
    assert before - SECOND <= end(pair.refresh) - timedelta(minutes=40) <= clock.now()
    assert before - SECOND <= end(pair.access) - timedelta(minutes=10) <= clock.now() + SECOND


def test_no_access_token_outlives_a_short_idle_time(clinician: User, settings: Any) -> None:
    settings.SIGN_IN_IDLE = timedelta(minutes=3)
    pair = tokens.issue(clinician)
    assert end(pair.access) == end(pair.refresh)


def test_a_sign_in_ends_after_its_hours_however_often_it_is_refreshed(clinician: User, settings: Any) -> None:
    settings.SIGN_IN_LIFETIME = timedelta(hours=9)
    pair = signed_in_before(clinician, timedelta(hours=8, minutes=55))
    began = RefreshSession.objects.get().began
    assert began
    ends = began + timedelta(hours=9)

    for _ in range(3):
        pair = tokens.rotate(pair.refresh)

        assert ends - SECOND <= end(pair.refresh) <= ends
        assert end(pair.access) == end(pair.refresh)


def test_a_sign_in_is_over_after_its_hours(clinician: User, settings: Any) -> None:
    pair = signed_in_before(clinician, settings.SIGN_IN_LIFETIME)
    with pytest.raises(tokens.TokenRefused, match="has ended"):
        tokens.rotate(pair.refresh)
    assert not RefreshSession.objects.filter(revoked_at=None).exists()


def test_the_cookie_lasts_as_long_as_its_token(clinician: User, settings: Any) -> None:
    settings.SIGN_IN_IDLE = timedelta(minutes=40)
    client = APIClient()
    client.post(TOKEN, {"username": "clara", "password": PASSWORD, "cookie": True})
    assert 40 * 60 - 60 < int(client.cookies["retinote_refresh"]["max-age"]) <= 40 * 60


@pytest.fixture
def administration(administrator: User) -> Client:
    """A browser in which an administrator has signed in."""
    browser = Client()
    browser.post("/admin/login/", {"username": "anna", "password": PASSWORD})
    assert browser.get("/admin/").status_code == 200
    return browser


def kept() -> Session:
    return Session.objects.get()


def change(*, ends_in: timedelta | None = None, began_ago: timedelta | None = None) -> None:
    """The one session as time would make it."""
    session = kept()
    if ends_in is not None:
        session.expire_date = clock.now() + ends_in
    if began_ago is not None:
        data = SessionStore().decode(session.session_data)
        data[BEGAN] = (clock.now() - began_ago).timestamp()
        session.session_data = SessionStore().encode(data)
    session.save()


def test_a_session_of_the_administration_ends_when_it_is_not_used(administration: Client) -> None:
    left = kept().expire_date - clock.now()
    assert timedelta(minutes=29) < left <= project_settings.ADMIN_IDLE == timedelta(minutes=30)
    change(ends_in=-SECOND)
    assert administration.get("/admin/").status_code == 302


def test_use_lengthens_a_session_of_the_administration(administration: Client) -> None:
    change(ends_in=timedelta(minutes=1))
    answer = administration.get("/admin/")
    assert answer.status_code == 200
    assert kept().expire_date - clock.now() > timedelta(minutes=29)
    assert int(answer.cookies["sessionid"]["max-age"]) > 29 * 60


def test_looks_in_quick_succession_write_nothing(administration: Client) -> None:
    before = kept().expire_date
    assert "sessionid" not in administration.get("/admin/").cookies
    assert kept().expire_date == before


def test_a_session_of_the_administration_ends_after_its_hours_however_it_is_used(
    administration: Client, settings: Any
) -> None:
    settings.ADMIN_LIFETIME = timedelta(hours=5)
    change(began_ago=timedelta(hours=4, minutes=50), ends_in=timedelta(minutes=1))
    assert administration.get("/admin/").status_code == 200
    assert timedelta(minutes=9) < kept().expire_date - clock.now() <= timedelta(minutes=10)

    change(began_ago=timedelta(hours=5), ends_in=timedelta(minutes=20))
    assert administration.get("/admin/").status_code == 302


def test_a_shorter_idle_time_holds_for_sessions_that_there_are(administration: Client, settings: Any) -> None:
    settings.ADMIN_IDLE = timedelta(minutes=5)
    assert administration.get("/admin/").status_code == 200
    assert kept().expire_date - clock.now() <= timedelta(minutes=5)


def test_what_has_ended_is_forgotten(administration: Client, administrator: User, clinician: User) -> None:
    ended, good = tokens.issue(clinician), tokens.issue(administrator)
    RefreshSession.objects.filter(user=clinician).update(expires=clock.now() - SECOND)
    change(ends_in=-SECOND)

    sweep()

    assert [kept.user for kept in RefreshSession.objects.all()] == [administrator]
    assert not Session.objects.exists()
    assert tokens.rotate(good.refresh)
    with pytest.raises(tokens.TokenRefused, match="not known"):
        tokens.rotate(ended.refresh)


LIMITS = {
    "RETINOTE_SIGN_IN_IDLE_MINUTES": ("SIGN_IN_IDLE", timedelta(minutes=60), timedelta(minutes=2)),
    "RETINOTE_SIGN_IN_HOURS": ("SIGN_IN_LIFETIME", timedelta(hours=12), timedelta(hours=2)),
    "RETINOTE_ADMIN_IDLE_MINUTES": ("ADMIN_IDLE", timedelta(minutes=30), timedelta(minutes=2)),
    "RETINOTE_ADMIN_HOURS": ("ADMIN_LIFETIME", timedelta(hours=8), timedelta(hours=2)),
}


@pytest.mark.parametrize("variable", LIMITS)
def test_the_limits_are_variables_and_a_day_is_the_most(
    variable: str, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    name, usual, two = LIMITS[variable]
    monkeypatch.delenv(variable, raising=False)
    assert runpy.run_path(str(SETTINGS))[name] == usual
    monkeypatch.setenv(variable, "2")
    assert runpy.run_path(str(SETTINGS))[name] == two
    most = timedelta(days=1) // (two / 2)
    for value in (str(most + 1), "0", "-1", "1.5", "soon", "\N{ARABIC-INDIC DIGIT TWO}", "9" * 9999):
        with subtests.test(value[:20]):
            monkeypatch.setenv(variable, value)
            with pytest.raises(ImproperlyConfigured, match=f"{variable} .* from 1 to {most}"):
                runpy.run_path(str(SETTINGS))
