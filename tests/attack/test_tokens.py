"""Tokens that nobody was given, or that have had their time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from tests.attack.people import People
from webapp.accounts import tokens
from webapp.accounts.models import RefreshSession

ME, REFRESH, LOGOUT = "/api/v1/auth/me/", "/api/v1/auth/token/refresh/", "/api/v1/auth/logout/"
Claims = dict[str, Any]


def claims_of(token: str, **changed: Any) -> Claims:
    read: Claims = jwt.decode(token, options={"verify_signature": False})
    return {name: value for name, value in (read | changed).items() if value is not None}


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def ask(token: str) -> Any:
    return APIClient().get(ME, HTTP_AUTHORIZATION=f"Bearer {token}")


def long_ago() -> int:
    return int((datetime.now(UTC) - timedelta(hours=1)).timestamp())


def unsigned(algorithm: str) -> Callable[[Claims], str]:
    return lambda claims: f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}."


def signed(key: Any, algorithm: str = "HS256", **headers: Any) -> Callable[[Claims], str]:
    return lambda claims: jwt.encode(claims, key, algorithm, headers or None)


def named(claims: Claims, algorithm: str) -> str:
    """Signed as HS256 is, under another name: a public key used as a secret would look like this."""
    content = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}"
    digest = hmac.new(settings.SECRET_KEY.encode(), content.encode(), hashlib.sha256).digest()
    return f"{content}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


FORGED: dict[str, Callable[[Claims], str]] = {
    "no algorithm": unsigned("none"),
    "no algorithm, in other letters": unsigned("nOnE"),
    "no signature": unsigned("HS256"),
    "another key": signed("x" * 64),
    "an empty key": lambda claims: f"{part({'alg': 'HS256'})}.{part(claims)}.{part({})}",
    "another algorithm, the right key": lambda claims: signed(settings.SECRET_KEY, "HS384")(claims),
    "the right key, under the name of another algorithm": lambda claims: named(claims, "RS256"),
    "a key that the token names": signed("x" * 64, jwk={"kty": "oct", "k": "eA"}),
    "a key file that the token names": signed("x" * 64, kid="../../../../dev/null"),
}


def test_a_forged_token_opens_nothing(people: People, subtests: pytest.Subtests) -> None:
    for how, forge in FORGED.items():
        with subtests.test(str(how)[:60]):
            good = tokens.issue(people.administrator)
            assert ask(good.access).status_code == 200

            assert ask(forge(claims_of(good.access))).status_code == 401
            forged = forge(claims_of(good.refresh))
            assert APIClient().post(REFRESH, {"refresh": forged}).status_code == 401
            assert APIClient().post(LOGOUT, {"refresh": forged}).status_code == 204
            assert not RefreshSession.objects.exclude(revoked_at=None).exists(), (
                "a forged token signs nobody out"
            )


CHANGED: dict[str, Claims] = {
    "expired": {"exp": long_ago()},
    "without an end": {"exp": None},
    "of nobody": {"user_id": "0" * 24},
    "of everybody": {"user_id": {"$ne": ""}},
    "without a user": {"user_id": None},
    "of another kind": {"token_type": "refresh"},
    "of no kind": {"token_type": None},
    "without a name": {"jti": None},
    "of no generation": {"generation": None},
    "of another generation": {"generation": "0" * 16},
    "of any generation": {"generation": {"$ne": "x"}},
    "of no sign-in": {"sign_in": None},
    "of a sign-in that there never was": {"sign_in": "0" * 32},
    "of any sign-in": {"sign_in": {"$ne": "x"}},
    "of all sign-ins": {"sign_in": ["0" * 32]},
}


def test_signed_by_us_is_not_enough(people: People, subtests: pytest.Subtests) -> None:
    good = claims_of(tokens.issue(people.owner).access)
    assert ask(signed(settings.SECRET_KEY)(good)).status_code == 200
    for kind, changed in CHANGED.items():
        with subtests.test(kind):
            claims = {name: value for name, value in (good | changed).items() if value is not None}
            assert ask(signed(settings.SECRET_KEY)(claims)).status_code == 401


def test_a_payload_that_was_changed_is_refused(people: People) -> None:
    header, payload, signature = tokens.issue(people.owner).access.split(".")
    other = part(claims_of(f"{header}.{payload}.{signature}", user_id=str(people.administrator.pk)))
    assert ask(f"{header}.{other}.{signature}").status_code == 401


def test_each_token_is_good_for_its_own_purpose(people: People) -> None:
    pair = tokens.issue(people.owner)
    assert ask(pair.refresh).status_code == 401
    assert APIClient().post(REFRESH, {"refresh": pair.access}).status_code == 401
    assert APIClient().post(REFRESH, {"refresh": pair.refresh}).status_code == 200


def test_an_expired_refresh_token_is_refused(people: People) -> None:
    expired = claims_of(tokens.issue(people.owner).refresh, exp=long_ago())
    token = signed(settings.SECRET_KEY)(expired)
    assert APIClient().post(REFRESH, {"refresh": token}).status_code == 401


def test_a_refresh_token_that_is_signed_but_was_never_given_out_is_refused(people: People) -> None:
    unknown = claims_of(tokens.issue(people.owner).refresh, jti="0" * 32)
    token = signed(settings.SECRET_KEY)(unknown)
    assert APIClient().post(REFRESH, {"refresh": token}).status_code == 401


def test_reuse_revokes_all_that_grew_out_of_the_sign_in_and_nothing_else(people: People) -> None:
    stolen, elsewhere = tokens.issue(people.owner), tokens.issue(people.owner)
    heir = stolen
    for _ in range(3):
        heir = tokens.rotate(heir.refresh)

    assert APIClient().post(REFRESH, {"refresh": stolen.refresh}).status_code == 401
    assert APIClient().post(REFRESH, {"refresh": heir.refresh}).status_code == 401
    assert APIClient().post(REFRESH, {"refresh": elsewhere.refresh}).status_code == 200


def test_after_signing_out_or_a_new_password_no_refresh_token_works(people: People) -> None:
    first, second = tokens.issue(people.owner), tokens.issue(people.owner)
    assert APIClient().post(LOGOUT, {"refresh": first.refresh}).status_code == 204
    assert APIClient().post(REFRESH, {"refresh": first.refresh}).status_code == 401

    people.owner.set_password("another-horse-battery-7")
    people.owner.save()
    assert APIClient().post(REFRESH, {"refresh": second.refresh}).status_code == 401


def test_who_is_deactivated_or_deleted_is_out_at_once(people: People) -> None:
    gone = {people.owner: tokens.issue(people.owner), people.stranger: tokens.issue(people.stranger)}
    people.owner.is_active = False
    people.owner.save()
    people.stranger.delete()

    for pair in gone.values():
        assert ask(pair.access).status_code == 401
        assert APIClient().post(REFRESH, {"refresh": pair.refresh}).status_code == 401


def test_what_is_no_token_is_refused_and_no_error(db: None, subtests: pytest.Subtests) -> None:
    for header in ["Bearer", "Bearer a b", "Bearer a.b.c", "Bearer " + "A" * 100_000, "Bearer \xff\xfe"]:
        with subtests.test(str(header)[:60]):
            assert APIClient().get(ME, HTTP_AUTHORIZATION=header).status_code == 401


def test_a_token_in_the_address_is_not_looked_at(people: People) -> None:
    access = tokens.issue(people.owner).access
    assert APIClient().get(f"{ME}?token={access}&access_token={access}&jwt={access}").status_code == 401
