"""Once a sign-in has ended, nothing that it gave opens anything: no token, cookie or session."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import RefreshToken

from tests.attack.people import People
from tests.webapp.conftest import PASSWORD, signed_in
from webapp.accounts import tokens
from webapp.accounts.models import RefreshSession, User
from webapp.core import clock

TOKEN, REFRESH, LOGOUT, SESSION, ME = (
    f"/api/v1/auth/{name}/" for name in ("token", "token/refresh", "logout", "session", "me")
)
NEW_PASSWORD = "another-horse-battery-7"


@dataclass
class SignedIn:
    """Every kind of sign-in that an administrator can have, each still unused."""

    access: str
    refresh: str
    page: APIClient
    administration: Client

    @classmethod
    def as_(cls, user: User) -> SignedIn:
        given = {"username": user.username, "password": PASSWORD}
        pair = APIClient().post(TOKEN, given).json()
        page, administration = APIClient(), Client()
        assert page.post(TOKEN, {**given, "cookie": True}).status_code == 200
        assert administration.post("/admin/login/", given).status_code == 302
        return cls(pair["access"], pair["refresh"], page, administration)

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}

    def answers(self, password: str = PASSWORD) -> dict[str, int]:
        """What each of them still opens; the order matters, as a refused refresh ends what it belongs to."""
        return {
            "access token": APIClient().get(ME, headers=self.bearer()).status_code,
            "access token for a session": APIClient()
            .post(SESSION, {"password": password}, headers=self.bearer())
            .status_code,
            "administration": self.administration.get("/admin/").status_code,
            "browsable API": self.administration.get("/api/v1/scans/").status_code,
            "refresh token": APIClient().post(REFRESH, {"refresh": self.refresh}).status_code,
            "page": self.page.post(REFRESH, {}).status_code,
        }


@dataclass
class OpenedFromIt:
    """A sign-in, and the administration that was opened from it."""

    refresh: str
    administration: APIClient

    @classmethod
    def as_(cls, user: User) -> OpenedFromIt:
        pair, browser = tokens.issue(user), APIClient()
        bearer = {"Authorization": f"Bearer {pair.access}"}
        assert browser.post(SESSION, {"password": PASSWORD}, headers=bearer).status_code == 204
        return cls(pair.refresh, browser)

    @property
    def is_open(self) -> bool:
        """Whether the administration still opens to whoever has its cookie."""
        other = Client()
        other.cookies["sessionid"] = self.administration.cookies["sessionid"].value
        return other.get("/admin/").status_code == 200


OPEN = {
    "access token": 200,
    "access token for a session": 204,
    "administration": 200,
    "browsable API": 200,
    "refresh token": 200,
    "page": 200,
}
SHUT = {
    "access token": 401,
    "access token for a session": 401,
    "administration": 302,
    "browsable API": 401,
    "refresh token": 401,
    "page": 401,
}


def set_in_the_administration(user: User, by: User) -> None:
    given = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert signed_in(by).post(f"/admin/accounts/user/{user.pk}/password/", given).status_code == 302


def taken_away(user: User, by: User) -> None:
    """*Disable password* of the same form: nobody signs in with a password any more."""
    given = {"usable_password": "false", "unset-password": "Disable password"}
    assert signed_in(by).post(f"/admin/accounts/user/{user.pk}/password/", given).status_code == 302


def saved_by_code(user: User, by: User) -> None:
    user.set_password(NEW_PASSWORD)
    user.save(update_fields=["password"])


def signed_out_everywhere(user: User, by: User) -> None:
    chosen = {"action": "sign_out_everywhere", "_selected_action": [str(user.pk)]}
    assert signed_in(by).post("/admin/accounts/user/", chosen).status_code == 302


def deactivated(user: User, by: User) -> None:
    user.is_active = False
    user.save()


def deactivated_for_a_while(user: User, by: User) -> None:
    deactivated(user, by)
    user.is_active = True
    user.save()


def deleted(user: User, by: User) -> None:
    user.delete()


ENDS: dict[str, Callable[[User, User], None]] = {
    "a password set in the administration": set_in_the_administration,
    "a password taken away there": taken_away,
    "a password saved by code": saved_by_code,
    "sign out everywhere": signed_out_everywhere,
    "deactivated": deactivated,
    "deactivated and active again": deactivated_for_a_while,
    "deleted": deleted,
}


@pytest.fixture
def other_administrator(administrator: User) -> User:
    return User.objects.create(username="adam", password="!", role="administrator")


@pytest.mark.parametrize("how", ENDS)
def test_what_ends_all_sign_ins_of_an_account_ends_them_at_once(
    how: str, administrator: User, other_administrator: User
) -> None:
    sign_in = SignedIn.as_(administrator)

    ENDS[how](administrator, other_administrator)

    password = NEW_PASSWORD if how.startswith("a password") else PASSWORD
    assert sign_in.answers(password) == SHUT


def test_sign_ins_stay_open_until_then_and_after_a_rename(administrator: User) -> None:
    sign_in = SignedIn.as_(administrator)
    administrator.first_name = "Anna"
    administrator.save()
    assert sign_in.answers() == OPEN


def test_changing_ones_own_password_keeps_that_session(administrator: User) -> None:
    here, elsewhere = SignedIn.as_(administrator), SignedIn.as_(administrator)
    given = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    assert here.administration.post("/admin/password_change/", given).status_code == 302

    assert here.answers(NEW_PASSWORD) == SHUT | {"administration": 200, "browsable API": 200}
    assert elsewhere.answers(NEW_PASSWORD) == SHUT


def test_changing_ones_own_password_keeps_that_session_if_it_was_opened_from_the_page(
    administrator: User,
) -> None:
    here, elsewhere = OpenedFromIt.as_(administrator), OpenedFromIt.as_(administrator)
    given = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    changed = here.administration.post("/admin/password_change/", given, format="multipart")

    assert changed.status_code == 302

    assert here.is_open
    assert not elsewhere.is_open
    assert APIClient().post(REFRESH, {"refresh": here.refresh}).status_code == 401


def test_administrators_change_their_own_password_only_with_the_old_one(administrator: User) -> None:
    browser = signed_in(administrator)
    given = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    answer = browser.post(f"/admin/accounts/user/{administrator.pk}/password/", given)

    assert answer.headers["Location"] == "/admin/password_change/"
    administrator.refresh_from_db()
    assert administrator.check_password(PASSWORD)


def test_an_account_that_was_loaded_before_does_not_bring_its_sign_ins_back(administrator: User) -> None:
    sign_in = SignedIn.as_(administrator)
    loaded_before = User.objects.get(pk=administrator.pk)
    administrator.set_password(NEW_PASSWORD)
    administrator.save()

    loaded_before.refresh_from_db(fields=["password"])
    loaded_before.first_name = "Anna"
    loaded_before.save()

    assert sign_in.answers(NEW_PASSWORD) == SHUT


def test_a_stronger_hash_of_the_same_password_ends_nothing(administrator: User, settings: Any) -> None:
    sign_in = SignedIn.as_(administrator)
    generation = User.objects.get(pk=administrator.pk).sign_in_generation
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "tests.webapp.passwords.QuickArgon2",
    ]

    assert APIClient().post(TOKEN, {"username": "anna", "password": PASSWORD}).status_code == 200

    renewed = User.objects.get(pk=administrator.pk)
    assert renewed.password.startswith("md5$") and renewed.sign_in_generation == generation
    assert APIClient().get(ME, headers=sign_in.bearer()).status_code == 200


def test_signing_out_ends_the_access_token_too_and_no_other_sign_in(administrator: User) -> None:
    ended, other = SignedIn.as_(administrator), SignedIn.as_(administrator)

    assert APIClient().post(LOGOUT, {"refresh": ended.refresh}).status_code == 204

    assert APIClient().get(ME, headers=ended.bearer()).status_code == 401
    assert other.answers() == OPEN


def test_a_revoked_sign_in_ends_with_its_access_token(administrator: User, other_administrator: User) -> None:
    sign_in = SignedIn.as_(administrator)
    chosen = {"action": "revoke", "_selected_action": [str(key) for key in _keys(administrator)]}

    signed_in(other_administrator).post("/admin/accounts/refreshsession/", chosen)

    assert APIClient().get(ME, headers=sign_in.bearer()).status_code == 401


def revoked(refresh: str, by: User) -> None:
    chosen = RefreshSession.objects.get(jti=RefreshToken(refresh)["jti"])  # type: ignore[arg-type]
    given = {"action": "revoke", "_selected_action": [str(chosen.pk)]}
    assert signed_in(by).post("/admin/accounts/refreshsession/", given).status_code == 302


def shown_twice(refresh: str, by: User) -> None:
    assert [APIClient().post(REFRESH, {"refresh": refresh}).status_code for _ in range(2)] == [200, 401]


def signed_out(refresh: str, by: User) -> None:
    assert APIClient().post(LOGOUT, {"refresh": refresh}).status_code == 204


@pytest.mark.parametrize("end", [revoked, shown_twice, signed_out])
def test_the_administration_ends_with_the_sign_in_that_it_was_opened_from(
    end: Callable[[str, User], None], administrator: User, other_administrator: User
) -> None:
    ended, other = OpenedFromIt.as_(administrator), OpenedFromIt.as_(administrator)
    assert ended.is_open

    end(ended.refresh, other_administrator)

    assert not ended.is_open
    assert other.is_open
    RefreshSession.objects.update(expires=clock.now() - timedelta(seconds=1))
    tokens.forget_expired()
    assert not ended.is_open, "it stays shut once its tokens have expired"
    assert other.is_open, "a page that is closed shuts nothing"


def test_tokens_and_sessions_of_the_version_before_are_signed_out_and_no_error(administrator: User) -> None:
    """They name no generation and no sign-in, and the account's document may not have one either."""
    sign_in = SignedIn.as_(administrator)
    before = RefreshToken.for_user(administrator)
    kept = RefreshSession.objects.filter(user=administrator, used_at=None)
    kept.filter(pk=kept.latest("created").pk).update(jti=before["jti"], began=None)
    Session.objects.update(session_data=SessionStore().encode({"_auth_user_id": str(administrator.pk)}))
    connection.get_collection("accounts_user").update_many(  # type: ignore[attr-defined]
        {}, {"$unset": {"sign_in_generation": ""}}
    )
    sign_in.access, sign_in.refresh = str(before.access_token), str(before)
    shut = sign_in.answers()
    assert shut == SHUT | {"page": shut["page"]}, "the page's sign-in is of this version"

    again = SignedIn.as_(administrator)
    assert APIClient().get(ME, headers=again.bearer()).status_code == 200


ROUNDS = 8


def by_signing_out(user: User, refresh: str) -> None:
    tokens.revoke(refresh)


def by_a_new_password(user: User, refresh: str) -> None:
    user.set_password(NEW_PASSWORD)
    user.save()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", [by_signing_out, by_a_new_password])
def test_a_refresh_at_the_same_moment_does_not_escape(
    end: Callable[[User, str], None], people: People
) -> None:
    for _ in range(ROUNDS):
        old = tokens.issue(people.owner)
        both = Barrier(2)

        def go_on(refresh: str, both: Barrier) -> str:
            try:
                both.wait()
                return tokens.rotate(refresh).access
            except tokens.TokenRefused:
                return ""
            finally:
                connection.close()

        def leave(refresh: str, both: Barrier) -> None:
            try:
                user = User.objects.get(pk=people.owner.pk)
                both.wait()
                end(user, refresh)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            won, left = pool.submit(go_on, old.refresh, both), pool.submit(leave, old.refresh, both)
            left.result()
            for access in (old.access, won.result()):
                assert APIClient().get(ME, headers={"Authorization": f"Bearer {access}"}).status_code == 401


def _keys(user: User) -> list[Any]:
    return list(RefreshSession.objects.filter(user=user).values_list("pk", flat=True))
