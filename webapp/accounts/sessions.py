"""The administration's sessions, which end after some time without use, and some hours after the sign-in at the latest.

One that was opened from the page ends with the sign-in there, too, once somebody ends that. The hash of a session, which
Django compares at each use, binds it to the account's generation of sign-ins (`User`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession

from webapp.accounts import tokens
from webapp.core import clock

BEGAN = "began"
SAVED_EVERY = 1 / 30
"""A session in use is saved again after this share of the idle time, and not at every request."""


class SessionStore(db.SessionStore):
    """Keeps the time of the sign-in in the session, and in its document the time when it ends unless it is used."""

    def load(self) -> dict[str, Any]:
        """The content of the session; empty once it has ended, and for one without the time of its sign-in."""
        found: AbstractBaseSession | None = self._get_session_from_db()  # type: ignore[attr-defined]
        data: dict[str, Any] = self.decode(found.session_data) if found else {}
        if found is None or _has_ended(data):
            self._session_key = None
            return {}
        late = _end(data) - found.expire_date
        if abs(late) > settings.ADMIN_IDLE * SAVED_EVERY:
            self.modified = True
        return data

    def cycle_key(self) -> None:
        """Give the session a new key after a sign-in or a new password: its time begins again, from no page's sign-in."""
        self.pop(BEGAN, None)
        self.pop(tokens.SIGN_IN, None)
        super().cycle_key()

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """The document of the session, with the time of its sign-in."""
        data.setdefault(BEGAN, clock.now().timestamp())
        return super().create_model_instance(data)

    def get_expiry_date(self, **options: Any) -> datetime:
        """The time when the session ends unless it is used."""
        return _end({BEGAN: self.get(BEGAN, clock.now().timestamp())})

    def get_expiry_age(self, **options: Any) -> int:
        """The seconds until then, which are the age of the cookie."""
        return max(0, int((self.get_expiry_date() - clock.now()) / timedelta(seconds=1)))


def _has_ended(data: dict[str, Any]) -> bool:
    """Whether a session with this content has ended, or is none of ours."""
    if not isinstance(data.get(BEGAN), int | float) or _end(data) <= clock.now():
        return True
    return bool(data.get(tokens.SIGN_IN)) and tokens.was_ended(data[tokens.SIGN_IN])


def _end(data: dict[str, Any]) -> datetime:
    """The time when a session that is used now ends."""
    now = clock.now()
    return min(
        now + settings.ADMIN_IDLE, datetime.fromtimestamp(data[BEGAN], now.tzinfo) + settings.ADMIN_LIFETIME
    )
