"""Signing in by cookie, as the page does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from rest_framework.test import APIClient

from tests.webapp.conftest import PASSWORD, Clients
from webapp.accounts.models import RefreshSession, User
from webapp.core import clock

TOKEN, REFRESH, LOGOUT, SESSION, ME = (
    f"/api/v1/auth/{name}/" for name in ("token", "token/refresh", "logout", "session", "me")
)
COOKIE = "retinote_refresh"


def signed_in(user: User) -> APIClient:
    client = APIClient()
    answer = client.post(TOKEN, {"username": user.username, "password": PASSWORD, "cookie": True})
    assert answer.status_code == 200 and "refresh" not in answer.json()
    return client


def test_the_refresh_token_is_where_no_script_and_no_other_site_reaches_it(clinician: User) -> None:
    cookie = signed_in(clinician).cookies[COOKIE]
    assert cookie["httponly"] and cookie["samesite"] == "Strict" and cookie["path"] == "/api/v1/auth/"


def test_the_cookie_goes_on_and_changes_each_time(clinician: User) -> None:
    client = signed_in(clinician)
    first = client.cookies[COOKIE].value

    answer = client.post(REFRESH, {})

    assert answer.status_code == 200 and set(answer.json()) == {"access"}
    assert client.cookies[COOKIE].value != first


@pytest.fixture
def lost(clinician: User) -> tuple[APIClient, str]:
    """A browser that has lost the answer to its refresh, and the cookie of before, which it still has."""
    client = signed_in(clinician)
    first = client.cookies[COOKIE].value
    assert client.post(REFRESH, {}).status_code == 200
    return client, first


def shown(cookie: str) -> APIClient:
    """A browser with this cookie alone."""
    client = APIClient()
    client.cookies[COOKIE] = cookie
    return client


def test_a_lost_answer_is_given_once_more_and_is_the_same(lost: tuple[APIClient, str]) -> None:
    client, first = lost
    successor = client.cookies[COOKIE].value
    again = shown(first)

    assert again.post(REFRESH, {}).status_code == 200

    assert again.cookies[COOKIE].value == successor, "there is one branch"
    assert again.post(REFRESH, {}).status_code == 200


def test_a_cookie_shown_a_third_time_ends_the_sign_in(lost: tuple[APIClient, str]) -> None:
    client, first = lost
    assert shown(first).post(REFRESH, {}).status_code == 200

    assert [shown(first).post(REFRESH, {}).status_code for _ in range(5)] == [401] * 5

    assert client.post(REFRESH, {}).status_code == 401
    assert not RefreshSession.objects.filter(revoked_at=None).exists()


def test_a_lost_answer_is_not_given_again_after_a_moment(lost: tuple[APIClient, str]) -> None:
    client, first = lost
    RefreshSession.objects.filter(used_at__isnull=False).update(used_at=clock.now() - timedelta(minutes=1))
    assert shown(first).post(REFRESH, {}).status_code == 401
    assert client.post(REFRESH, {}).status_code == 401, "two parties hold it"


def test_an_answer_that_arrived_is_not_given_again(lost: tuple[APIClient, str]) -> None:
    """Its refresh token was used, so it was not lost: somebody else shows the cookie of before."""
    client, first = lost
    assert client.post(REFRESH, {}).status_code == 200

    assert shown(first).post(REFRESH, {}).status_code == 401
    assert client.post(REFRESH, {}).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_two_windows_that_refresh_at_once_get_the_same_cookie(clinician: User) -> None:
    first = signed_in(clinician).cookies[COOKIE].value
    both = Barrier(2)

    def window(_: int) -> tuple[int, str]:
        try:
            client = shown(first)
            both.wait()
            return client.post(REFRESH, {}).status_code, client.cookies[COOKIE].value
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        (one, cookie), (other, same) = pool.map(window, range(2))

    assert (one, other) == (200, 200) and cookie == same != first
    assert RefreshSession.objects.filter(used_at=None, revoked_at=None).count() == 1


def test_signing_out_ends_it_and_takes_the_cookie_away(clinician: User) -> None:
    client = signed_in(clinician)
    first = client.cookies[COOKIE].value

    assert client.post(LOGOUT, {}).status_code == 204

    assert client.cookies[COOKIE].value == ""
    client.cookies[COOKIE] = first
    assert client.post(REFRESH, {}).status_code == 401


def test_who_signs_in_after_somebody_takes_over_nothing_of_theirs(
    administrator: User, clinician: User
) -> None:
    """At a desk that several people use: the cookies of the one before are replaced, and what they opened is shut."""
    browser = signed_in(administrator)
    access = browser.post(REFRESH, {}).json()["access"]
    before = browser.cookies[COOKIE].value
    bearer = {"Authorization": f"Bearer {access}"}
    assert browser.post(SESSION, {"password": PASSWORD}, headers=bearer).status_code == 204
    assert browser.get("/admin/").status_code == 200

    given = {"username": clinician.username, "password": PASSWORD, "cookie": True}
    assert browser.post(TOKEN, {**given, "password": "guess"}).status_code == 401
    assert browser.get("/admin/").status_code == 200, "a guess shuts nobody out"
    assert browser.post(TOKEN, given).status_code == 200

    assert browser.get("/admin/").status_code == 302
    assert shown(before).post(REFRESH, {}).status_code == 401
    assert browser.post(REFRESH, {}).status_code == 200


def test_signing_in_again_in_a_browser_leaves_one_sign_in_there(clinician: User) -> None:
    browser, elsewhere = signed_in(clinician), signed_in(clinician)
    given = {"username": clinician.username, "password": PASSWORD, "cookie": True}
    browser.post(TOKEN, given)
    assert RefreshSession.objects.filter(revoked_at=None).count() == 2
    assert elsewhere.post(REFRESH, {}).status_code == 200


def test_signing_in_again_keeps_the_administration_of_the_same_person_open(administrator: User) -> None:
    browser = signed_in(administrator)
    bearer = {"Authorization": f"Bearer {browser.post(REFRESH, {}).json()['access']}"}
    browser.post(SESSION, {"password": PASSWORD}, headers=bearer)
    given = {"username": administrator.username, "password": PASSWORD, "cookie": True}

    browser.post(TOKEN, given)

    assert browser.get("/admin/").status_code == 200
    RefreshSession.objects.update(revoked_at=clock.now())
    assert browser.get("/admin/").status_code == 302, "it is of the new sign-in from then on"


def test_administrators_get_a_session_for_the_administration(
    administrator: User, clinician: User, api: Clients
) -> None:
    client, given = api(administrator), {"password": PASSWORD}
    assert client.get("/admin/").status_code == 302
    assert client.post(SESSION, given).status_code == 204
    assert client.get("/admin/").status_code == 200

    assert api(clinician).post(SESSION, given).status_code == 403
    assert api(None).post(SESSION, given).status_code == 401


def test_who_asks_for_that_session_gives_the_password_again(administrator: User, api: Clients) -> None:
    client = api(administrator)
    missing, wrong = client.post(SESSION, {}), client.post(SESSION, {"password": "guess"})

    assert missing.status_code == 400 and "password" in missing.json()["error"]["fields"]
    assert wrong.status_code == 403, "401 would say that the access token is no good"
    assert wrong.json()["error"]["code"] == "password_refused"
    assert client.get("/admin/").status_code == 302


def test_a_session_that_the_browser_had_is_not_gone_on_with(administrator: User, api: Clients) -> None:
    client, given = api(administrator), {"password": PASSWORD}
    client.post(SESSION, given)
    before = client.cookies["sessionid"].value

    client.post(SESSION, given)

    assert client.cookies["sessionid"].value != before
    client.cookies["sessionid"] = before
    assert client.get("/admin/").status_code == 302


def test_signing_out_of_the_administration_ends_the_page_it_was_opened_from(administrator: User) -> None:
    page, other = signed_in(administrator), signed_in(administrator)
    bearer = {"Authorization": f"Bearer {page.post(REFRESH, {}).json()['access']}"}
    page.post(SESSION, {"password": PASSWORD}, headers=bearer)

    assert page.post("/admin/logout/").status_code == 200

    assert page.get(ME, headers=bearer).status_code == 401
    assert page.post(REFRESH, {}).status_code == 401
    assert other.post(REFRESH, {}).status_code == 200
