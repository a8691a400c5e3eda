"""Signing in by cookie, as the page does."""

from __future__ import annotations

from datetime import timedelta

from rest_framework.test import APIClient

from tests.webapp.conftest import PASSWORD, Clients
from webapp import clock
from webapp.accounts.models import RefreshSession, User

TOKEN, REFRESH, LOGOUT, SESSION = (
    f"/api/v1/auth/{name}/" for name in ("token", "token/refresh", "logout", "session")
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


def test_a_cookie_whose_successor_was_lost_works_once_more_for_a_moment(clinician: User) -> None:
    client = signed_in(clinician)
    first = client.cookies[COOKIE].value
    client.post(REFRESH, {})

    client.cookies[COOKIE] = first
    assert client.post(REFRESH, {}).status_code == 200

    RefreshSession.objects.filter(used_at__isnull=False).update(used_at=clock.now() - timedelta(minutes=1))
    client.cookies[COOKIE] = first
    assert client.post(REFRESH, {}).status_code == 401


def test_signing_out_ends_it_and_takes_the_cookie_away(clinician: User) -> None:
    client = signed_in(clinician)
    first = client.cookies[COOKIE].value

    assert client.post(LOGOUT, {}).status_code == 204

    assert client.cookies[COOKIE].value == ""
    client.cookies[COOKIE] = first
    assert client.post(REFRESH, {}).status_code == 401


def test_administrators_get_a_session_for_the_administration(
    administrator: User, clinician: User, api: Clients
) -> None:
    client = api(administrator)
    assert client.get("/admin/").status_code == 302
    assert client.post(SESSION).status_code == 204
    assert client.get("/admin/").status_code == 200

    assert api(clinician).post(SESSION).status_code == 403
    assert api(None).post(SESSION).status_code == 401
