"""Limits of requests per minute: by address before anything is looked at, by user and kind of call after.

Requests are counted in the cache, in windows of a minute, so that a count is one number whatever the rate.
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
    """Count a request. Returns None if it may be answered, else the seconds until the next one may be.

    `kind` is a key of `settings.RATES_PER_MINUTE`; a rate of 0 is no limit. `who` is an address or a user's id.
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
    """The base of the limits below: one limit for all calls of a kind."""

    kind: str
    methods: tuple[str, ...] = ()
    """The methods that count; empty for all."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request; whether it may be answered."""
        if self.methods and request.method not in self.methods:
            return True
        self._wait_s = seconds_to_wait(self.kind, self._who(request))
        return self._wait_s is None

    def wait(self) -> float | None:
        """Seconds until the next request may be answered."""
        return self._wait_s

    @staticmethod
    def _who(request: Request) -> str:
        return str(getattr(request.user, "pk", None) or request.META.get("REMOTE_ADDR", ""))


class UserRate(PerMinute):
    """All calls of a user."""

    kind = "user"


class UploadRate(PerMinute):
    """Calls that make the model server work: uploads and new predictions."""

    kind = "upload"
    methods = ("POST",)


class SignInRate(PerMinute):
    """Calls by address that hash passwords or look up tokens before anybody is signed in."""

    kind = "sign_in"

    @staticmethod
    def _who(request: Request) -> str:
        return str(request.META.get("REMOTE_ADDR", ""))


class ExportRate(PerMinute):
    """Calls that gather many scans or make a report."""

    kind = "export"
