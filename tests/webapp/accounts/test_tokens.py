"""Signing in, going on and out over the API."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from rest_framework.test import APIClient

from tests.webapp.conftest import PASSWORD, Clients
from webapp.accounts.models import RefreshSession, User
from webapp.core import clock

TOKEN, REFRESH, LOGOUT, ME = (f"/api/v1/auth/{name}/" for name in ("token", "token/refresh", "logout", "me"))


def sign_in(user: User) -> dict[str, str]:
    answer = APIClient().post(TOKEN, {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 200
    return dict(answer.json())


def test_signing_in_gives_a_token_that_says_who_one_is(clinician: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {sign_in(clinician)['access']}")
    me = client.get(ME).json()
    assert (me["username"], me["role"], me["clinic"]) == ("clara", "clinician", "east")
    assert me["id"] == str(clinician.pk)


def test_passwords_are_kept_as_argon2(clinician: User) -> None:
    assert clinician.password.startswith("argon2")


def test_a_wrong_password_does_not_tell_whether_the_name_exists(clinician: User) -> None:
    wrong = APIClient().post(TOKEN, {"username": "clara", "password": "guess"})
    unknown = APIClient().post(TOKEN, {"username": "nobody", "password": "guess"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["error"]["code"] == "sign_in_refused"


def test_a_missing_field_is_named() -> None:
    answer = APIClient().post(TOKEN, {"username": "clara"})
    assert answer.status_code == 400
    assert "password" in answer.json()["error"]["fields"]


def test_too_many_failures_lock_the_name_for_that_address(clinician: User) -> None:
    for _ in range(8):
        answer = APIClient().post(TOKEN, {"username": "clara", "password": "guess"})
    assert answer.status_code == 429
    right = APIClient().post(TOKEN, {"username": "clara", "password": PASSWORD})
    assert right.status_code == 429
    assert right.json()["error"]["code"] == "too_many_failures"
    elsewhere = APIClient(REMOTE_ADDR="10.0.0.9").post(TOKEN, {"username": "clara", "password": PASSWORD})
    assert elsewhere.status_code == 200


def test_signing_in_is_noted_and_failures_before_it_are_forgotten(clinician: User) -> None:
    for _ in range(2):
        for _ in range(7):
            APIClient().post(TOKEN, {"username": "clara", "password": "guess"})
        sign_in(clinician)
    clinician.refresh_from_db()
    assert clinician.last_login is not None


def test_a_refresh_token_works_once_and_its_reuse_ends_the_sign_in(clinician: User) -> None:
    first = sign_in(clinician)["refresh"]
    second = APIClient().post(REFRESH, {"refresh": first}).json()["refresh"]
    reused = APIClient().post(REFRESH, {"refresh": first})
    assert reused.status_code == 401
    assert reused.json()["error"]["code"] == "refresh_refused"
    assert APIClient().post(REFRESH, {"refresh": second}).status_code == 401


def test_another_sign_in_survives_the_reuse(clinician: User) -> None:
    other = sign_in(clinician)["refresh"]
    first = sign_in(clinician)["refresh"]
    for _ in range(2):
        APIClient().post(REFRESH, {"refresh": first})
    assert APIClient().post(REFRESH, {"refresh": other}).status_code == 200


def test_a_use_that_began_before_the_winning_one_is_a_reuse_all_the_same(clinician: User) -> None:
    token = sign_in(clinician)["refresh"]
    RefreshSession.objects.update(used_at=clock.now() + timedelta(seconds=1))

    assert APIClient().post(REFRESH, {"refresh": token}).status_code == 401
    assert not RefreshSession.objects.filter(revoked_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_uses_at_once_at_most_one_wins(clinician: User) -> None:
    token = sign_in(clinician)["refresh"]

    def use(_: int) -> int:
        try:
            return APIClient().post(REFRESH, {"refresh": token}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(use, range(8)))
    assert statuses.count(200) <= 1
    assert not RefreshSession.objects.filter(revoked_at=None).exists()


def test_signing_out_ends_the_sign_in(clinician: User) -> None:
    refresh = sign_in(clinician)["refresh"]
    assert APIClient().post(LOGOUT, {"refresh": refresh}).status_code == 204
    assert APIClient().post(REFRESH, {"refresh": refresh}).status_code == 401
    assert APIClient().post(LOGOUT, {"refresh": "no token"}).status_code == 204


def test_a_deactivated_user_is_out_at_once(clinician: User, api: Clients) -> None:
    client, refresh = api(clinician), sign_in(clinician)["refresh"]
    assert client.get(ME).status_code == 200
    clinician.is_active = False
    clinician.save()
    assert client.get(ME).status_code == 401
    assert APIClient().post(REFRESH, {"refresh": refresh}).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Bearer ", "Basic YTpi"])
def test_without_a_good_token_nothing_is_shown(header: str, db: None) -> None:
    client = APIClient()
    if header:
        client.credentials(HTTP_AUTHORIZATION=header)
    answer = client.get("/api/v1/scans/")
    assert answer.status_code == 401
    assert set(answer.json()["error"]) == {"code", "message"}
