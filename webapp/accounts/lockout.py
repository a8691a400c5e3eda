"""Locks sign-ins after too many failures, counted by account, by address, and by both together.

Each count alone would be easy to abuse: by account, anybody can lock a colleague out; by address, one person locks out
a whole clinic that shares it; by both together, a botnet can go on guessing. So users who have signed in from an
address before are held to the count of both together alone, and the other two stop strangers.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from axes.handlers.base import AbstractAxesHandler, AxesBaseHandler
from axes.signals import user_locked_out
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse

from webapp.accounts.models import User
from webapp.api.errors import API_PATH, body
from webapp.core.counting_cache import count_up
from webapp.core.normal_form import normal

log = logging.getLogger(__name__)
MESSAGE = "Too many failed sign-ins with this name or from this address. Wait ten minutes and try again."


class LockoutHandler(AbstractAxesHandler, AxesBaseHandler):  # type: ignore[misc]
    """Counts failures in the cache. django-axes calls it before each check of a password, and after."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Whether the sign-in is locked, so that no password is checked. Unknown names are treated like any other."""
        name, address = _who(request, credentials)
        limits = _limits(name, address)
        counts = cache.get_many(limits)
        return any(counts.get(key, 0) >= limit for key, limit in limits.items())

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **_: Any
    ) -> None:
        """Count a wrong name or password. Nothing counts while it is locked, so that the lock ends in its time."""
        if request is None:
            return
        name, address = _who(request, credentials)
        if not request.axes_locked_out:
            cooloff_s = settings.AXES_COOLOFF_TIME.total_seconds()
            counts = {key: count_up(key, cooloff_s) for key in _limits(name, address, familiar=False)}
            limits = _limits(name, address)
            if not any(counts[key] >= limit for key, limit in limits.items()):
                return
            # The name is not logged: people type their password into the wrong field.
            log.warning("Sign-in is locked from %s: too many failures", address)
            request.axes_locked_out = True
        request.axes_credentials = credentials
        user_locked_out.send("axes", request=request, username=name, ip_address=address)

    def user_logged_in(self, sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
        """Remember that the user signs in from this address, and forget the failures before."""
        name, address = _who(request, {"username": user.get_username()})
        cache.set(_familiar(name, address), True, settings.FAMILIAR_ADDRESS_TIME.total_seconds())
        cache.delete(_both(name, address))

    def user_logged_out(self, sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
        """Do nothing: signing out changes no count."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """The failures of this name from this address."""
        return int(cache.get(_both(*_who(request, credentials)), 0))


def too_many_failures(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """429, as JSON below /api/ and as text elsewhere. django-axes calls this."""
    if request.path.startswith(API_PATH):
        return JsonResponse(body("too_many_failures", MESSAGE), status=429)
    return HttpResponse(MESSAGE, status=429, content_type="text/plain; charset=utf-8")


def _who(request: Any, credentials: dict[str, Any] | None) -> tuple[str, str]:
    name = normal(str((credentials or {}).get("username") or ""), "NFKC")
    return name, str(request.META.get("REMOTE_ADDR", ""))


def _limits(name: str, address: str, familiar: bool | None = None) -> dict[str, int]:
    """The limits of failures, by the key of their count. `familiar`: whether the user signed in from there before."""
    if familiar is None:
        familiar = bool(cache.get(_familiar(name, address)))
    limits = {_both(name, address): settings.AXES_FAILURE_LIMIT}
    if not familiar:
        limits |= {
            _key("account", name): settings.ACCOUNT_FAILURE_LIMIT,
            _key("address", address): settings.ADDRESS_FAILURE_LIMIT,
        }
    return limits


def _both(name: str, address: str) -> str:
    return _key("account and address", name, address)


def _familiar(name: str, address: str) -> str:
    return _key("familiar", name, address)


def _key(*parts: str) -> str:
    """A key for the cache that is valid for names of any length, and does not reveal them."""
    return "sign-in-" + hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()
