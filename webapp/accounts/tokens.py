"""Access and refresh tokens: issued at sign-in, each refresh token good for one use."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from webapp import clock
from webapp.accounts.models import RefreshSession, User


class TokenRefused(Exception):
    """A refresh token that can't be used; the text says why."""


@dataclass(frozen=True)
class TokenPair:
    """What a client gets: a short-lived access token and the refresh token for the next pair."""

    access: str
    refresh: str


def issue(user: User, family: str = "") -> TokenPair:
    """A new pair for the user; without a family it begins one, as a sign-in does."""
    refresh = RefreshToken.for_user(user)
    RefreshSession.objects.create(
        user=user,
        jti=refresh["jti"],
        family=family or uuid.uuid4().hex,
        expires=datetime.fromtimestamp(refresh["exp"], tz=UTC),
    )
    return TokenPair(str(refresh.access_token), str(refresh))


def rotate(token: str, grace: timedelta = timedelta(0)) -> TokenPair:
    """Use a refresh token up and return the next pair.

    Raises TokenRefused for a token that is invalid, expired, revoked, or used before; the last one revokes its
    whole family, because then two parties hold it. Within `grace` of its use a token may be used once more: a
    browser that was closed, or lost the answer, still sends the cookie of before.
    """
    jti = _jti(token)
    now = clock.now()
    # One update with its condition inside: of two uses at the same moment, one finds nothing to update.
    claimed = RefreshSession.objects.filter(jti=jti, used_at=None, revoked_at=None).update(used_at=now)
    session = RefreshSession.objects.filter(jti=jti).select_related("user").first()
    if session is None:
        raise TokenRefused("This refresh token is not known. Sign in again.")
    # Whoever was faster may have taken the time a little later than this use did: without grace that counts nothing.
    again = grace and session.used_at and not session.revoked_at and now - session.used_at < grace
    if not claimed and not again:
        if session.used_at and not session.revoked_at:
            revoke_family(session.family)
        raise TokenRefused("This refresh token was used or revoked before. Sign in again.")
    if not session.user.is_active:
        revoke_family(session.family)
        raise TokenRefused("This account is not active.")
    pair = issue(session.user, session.family)
    # A reuse may have revoked the family between our claim and this issue.
    if RefreshSession.objects.filter(family=session.family, revoked_at__isnull=False).exists():
        revoke_family(session.family)
        raise TokenRefused("This refresh token was used or revoked before. Sign in again.")
    return pair


def revoke(token: str) -> User | None:
    """End the sign-in that the refresh token belongs to; whose it was, None when it had ended before.

    An unknown or expired token is no error.
    """
    try:
        jti = _jti(token)
    except TokenRefused:
        return None
    session = RefreshSession.objects.filter(jti=jti).select_related("user").first()
    if session is None:
        return None
    return session.user if revoke_family(session.family) else None


def revoke_family(family: str) -> int:
    """End the sign-in that the family grew out of; returns how many of its tokens were still good."""
    return RefreshSession.objects.filter(family=family, revoked_at=None).update(revoked_at=clock.now())


def revoke_all(user: User) -> int:
    """End every sign-in of the user; returns how many tokens were still good."""
    return RefreshSession.objects.filter(user=user, revoked_at=None).update(revoked_at=clock.now())


def forget_expired() -> int:
    """Delete sessions whose token has expired anyway; returns how many."""
    count, _ = RefreshSession.objects.filter(expires__lt=clock.now()).delete()
    return count


def _jti(token: str) -> str:
    try:
        return str(RefreshToken(token)["jti"])  # type: ignore[arg-type]
    except TokenError as error:
        raise TokenRefused("This refresh token is not valid or has expired. Sign in again.") from error
