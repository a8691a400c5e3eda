"""The administration's sessions: they end when nobody uses them for a while, and at the latest some hours after the sign-in.

That they belong to the account's generation of sign-ins is seen to by their hash (`User`), which Django compares.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession

from webapp.core import clock

BEGAN = "began"
# A session that was used is saved again after this part of the idle time, and not at every look.
SAVED_EVERY = 1 / 30


class SessionStore(db.SessionStore):
    """Keeps in the session when it began, and in its document when it ends unless it is used."""

    def load(self) -> dict[str, Any]:
        """What is in the session; nothing once it has ended, and of one that doesn't say when it began."""
        found: AbstractBaseSession | None = self._get_session_from_db()  # type: ignore[attr-defined]
        data: dict[str, Any] = self.decode(found.session_data) if found else {}
        if found is None or not isinstance(data.get(BEGAN), int | float) or _end(data) <= clock.now():
            self._session_key = None
            return {}
        late = _end(data) - found.expire_date
        if abs(late) > settings.ADMIN_IDLE * SAVED_EVERY:
            self.modified = True
        return data

    def cycle_key(self) -> None:
        """A new key for who has just given a password: the time begins anew."""
        self.pop(BEGAN, None)
        super().cycle_key()

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """The document to be stored."""
        data.setdefault(BEGAN, clock.now().timestamp())
        return super().create_model_instance(data)

    def get_expiry_date(self, **options: Any) -> datetime:
        """When it ends unless it is used."""
        return _end({BEGAN: self.get(BEGAN, clock.now().timestamp())})

    def get_expiry_age(self, **options: Any) -> int:
        """How long that is, in seconds: the age of the cookie."""
        return max(0, int((self.get_expiry_date() - clock.now()) / timedelta(seconds=1)))


def _end(data: dict[str, Any]) -> datetime:
    """When a session ends that is used now."""
    now = clock.now()
    return min(
        now + settings.ADMIN_IDLE, datetime.fromtimestamp(data[BEGAN], now.tzinfo) + settings.ADMIN_LIFETIME
    )
