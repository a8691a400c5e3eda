"""Stops an address that floods, before its requests are looked at."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from webapp.api.errors import too_many_requests
from webapp.api.throttling import seconds_to_wait

UNLIMITED_PATHS = ("/healthz/", "/readyz/")


class AddressThrottleMiddleware:
    """Answers 429 to an address with too many requests, before tokens and sessions are checked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path not in UNLIMITED_PATHS:
            wait_s = seconds_to_wait("address", request.META.get("REMOTE_ADDR", ""))
            if wait_s is not None:
                return too_many_requests(request, wait_s)
        return self._get_response(request)
