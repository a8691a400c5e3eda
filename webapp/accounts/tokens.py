"""Access and refresh tokens: issued at sign-in; a refresh token is good for one use.

Each token names its sign-in and the account's generation of sign-ins, and both are checked at every use.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken, Token

from webapp.accounts.models import RefreshSession, User
from webapp.core import clock
from webapp.mongodb.transactions import all_or_nothing

GENERATION, SIGN_IN = "generation", "sign_in"
"""The names of two claims: `User.sign_in_generation`, and the family of the refresh tokens."""

UNKNOWN = "This refresh token is not known. Sign in again."
USED = "This refresh token was used or revoked before. Sign in again."
ENDED = "This sign-in has ended. Sign in again."


class TokenRefused(Exception):
    """A refresh token that can't be used; the message says why."""


@dataclass(frozen=True)
class TokenPair:
    """The tokens that a client gets: a short-lived access token, and the refresh token for the next pair."""

    access: str
    refresh: str
    refresh_expires: datetime
    family: str
    """The sign-in that both belong to."""


def issue(user: User) -> TokenPair:
    """The first pair of a new sign-in of the user."""
    return _pair(_next(user, uuid.uuid4().hex, began=clock.now()))


def rotate(token: str, grace: timedelta = timedelta(0)) -> TokenPair:
    """Use a refresh token up and return the next pair.

    Raises TokenRefused for a token that is invalid, expired, revoked, or used before. A used one revokes its whole
    family, because two parties then hold it. Within `grace` of its use a token may be shown once more, and gives the
    refresh token that it gave before, as long as nobody has used that one: a browser that was closed, or lost the
    answer, still sends the old cookie, and two of its windows may send it at once.
    """
    shown = _read(token)
    # In one transaction, so that whoever finds the token used finds its successor, too.
    used = all_or_nothing(lambda: _use(shown, grace))
    if isinstance(used, str):  # raised outside of the transaction, which would undo the revoking
        raise TokenRefused(used)
    return used


def is_good_for(user: User, token: Token) -> bool:
    """Whether the user is active, and the token belongs to a sign-in of theirs that has not ended."""
    if not user.is_active:
        return False
    # Tokens of earlier versions lack the claim, which is not the same as the empty one of a new account.
    if GENERATION not in token or token[GENERATION] != user.sign_in_generation:
        return False
    family = token.get(SIGN_IN)
    return isinstance(family, str) and RefreshSession.objects.filter(family=family, revoked_at=None).exists()


def revoke(token: str) -> User | None:
    """End the sign-in of the refresh token. Returns its user, None if it had ended before.

    An unknown or expired token is no error.
    """
    try:
        jti = _read(token)["jti"]
    except TokenRefused:
        return None
    session = RefreshSession.objects.filter(jti=jti).select_related("user").first()
    if session is None:
        return None
    return session.user if revoke_family(session.family) else None


def revoke_family(family: str) -> int:
    """End the sign-in of this family; returns how many of its tokens were still good."""
    good = RefreshSession.objects.filter(family=family, revoked_at=None)
    ended = 0
    # Repeat until there is none: the first update may have waited for a use that added another token.
    while count := good.update(revoked_at=clock.now()):
        ended += count
    return ended


def was_ended(family: str) -> bool:
    """Whether the sign-in of this family was ended; one that has only expired was not."""
    return RefreshSession.objects.filter(family=family, revoked_at__isnull=False).exists()


def revoke_page(sender: object, request: HttpRequest, **_: Any) -> None:
    """End the page's sign-in from which a session of the administration was opened; receives `user_logged_out`."""
    family = request.session.get(SIGN_IN)
    if family:
        revoke_family(family)


def forget_expired() -> int:
    """Delete refresh tokens that have expired; returns how many.

    Revoked ones stay for as long as a session of the administration that was opened from their sign-in may last.
    """
    now = clock.now()
    done_with = Q(revoked_at__isnull=True) | Q(revoked_at__lt=now - settings.ADMIN_LIFETIME)
    count, _ = RefreshSession.objects.filter(done_with, expires__lt=now).delete()
    return count


def _use(shown: RefreshToken, grace: timedelta) -> TokenPair | str:
    """The next pair for a refresh token, or why there is none."""
    now = clock.now()
    session = RefreshSession.objects.filter(jti=shown["jti"]).select_related("user").first()
    if session is None:
        return UNKNOWN
    if session.revoked_at:
        return USED
    user = session.user
    began = session.began  # missing in documents of earlier versions
    if began is None or began + settings.SIGN_IN_LIFETIME <= now or not is_good_for(user, shown):
        revoke_family(session.family)
        return ENDED
    if session.used_at is None:
        heir = _next(user, session.family, began)
        session.used_at, session.successor = now, heir.jti
        session.save(update_fields=["used_at", "successor"])
        return _pair(heir)
    # Without grace a second use is always refused, even if the first one noted a slightly later time.
    if grace and now - session.used_at < grace and session.repeated_at is None:
        unused = RefreshSession.objects.filter(jti=session.successor, used_at=None, revoked_at=None)
        given = unused.select_related("user").first()
        if given is not None:
            session.repeated_at = now
            session.save(update_fields=["repeated_at"])
            return _pair(given)
    revoke_family(session.family)
    return USED


def _next(user: User, family: str, began: datetime) -> RefreshSession:
    now = clock.now()
    expires = min(now + settings.SIGN_IN_IDLE, began + settings.SIGN_IN_LIFETIME)
    return RefreshSession.objects.create(
        user=user, jti=uuid.uuid4().hex, family=family, began=began, created=now, expires=expires
    )


def _pair(session: RefreshSession) -> TokenPair:
    """The refresh token of the document, which is the same each time, with a new access token."""
    refresh = RefreshToken.for_user(session.user)
    refresh["jti"] = session.jti
    refresh["iat"], refresh["exp"] = int(session.created.timestamp()), int(session.expires.timestamp())
    refresh[GENERATION], refresh[SIGN_IN] = session.user.sign_in_generation, session.family
    access = refresh.access_token
    access["exp"] = min(access["exp"], refresh["exp"])
    return TokenPair(str(access), str(refresh), session.expires, session.family)


def _read(token: str) -> RefreshToken:
    """The decoded token. Raises TokenRefused for what is no refresh token of ours, or has expired."""
    try:
        return RefreshToken(token)  # type: ignore[arg-type]
    except TokenError as error:
        raise TokenRefused("This refresh token is not valid or has expired. Sign in again.") from error
