"""How many requests a minute are answered: per address before anything is looked at, per user and kind of call after.

Counted in the cache by windows of a minute, so that the count is one number whatever the rate.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.throttling import BaseThrottle

from webapp.core.counting_cache import count_up

if TYPE_CHECKING:  # the settings name a class of this module, and those modules read the settings
    from rest_framework.request import Request
    from rest_framework.views import APIView

WINDOW_S = 60


def seconds_to_wait(kind: str, who: str) -> float | None:
    """Count a request of somebody; None when it is answered, else how long the next answer is away.

    `kind` is one of `settings.RATES_PER_MINUTE`; a rate of 0 has no limit.
    """
    limit = settings.RATES_PER_MINUTE[kind]
    if not limit:
        return None
    now = _now()
    window = int(now // WINDOW_S)
    key = "rate-" + hashlib.sha256(f"{kind} {who} {window}".encode(errors="replace")).hexdigest()
    return None if count_up(key, 2 * WINDOW_S) <= limit else (window + 1) * WINDOW_S - now


def _now() -> float:
    return time.time()


class PerMinute(BaseThrottle):
    """One limit for the calls of a kind; the base of those below."""

    kind: str
    methods: tuple[str, ...] = ()
    """Empty for all."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether it is answered; counts it."""
        if self.methods and request.method not in self.methods:
            return True
        self._wait_s = seconds_to_wait(self.kind, self._who(request))
        return self._wait_s is None

    def wait(self) -> float | None:
        """Seconds until the next one is answered."""
        return self._wait_s

    @staticmethod
    def _who(request: Request) -> str:
        return str(getattr(request.user, "pk", None) or request.META.get("REMOTE_ADDR", ""))


class UserRate(PerMinute):
    """All calls of a user."""

    kind = "user"


class UploadRate(PerMinute):
    """What makes the model server work."""

    kind = "upload"
    methods = ("POST",)


class SignInRate(PerMinute):
    """What makes us hash passwords or look up tokens without knowing who asks."""

    kind = "sign_in"

    @staticmethod
    def _who(request: Request) -> str:
        return str(request.META.get("REMOTE_ADDR", ""))


class ExportRate(PerMinute):
    """What gathers many scans, or draws a page."""

    kind = "export"
