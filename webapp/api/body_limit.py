"""Refuses a body that is too large, before any of it is read into memory or onto the disk."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from webapp.api.errors import too_large
from webapp.api.limits import announced_bytes, limit_of


class BodyLimitMiddleware:
    """Compares the announced length of a body with the limit; a chunked body is measured while it is read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        limit = limit_of(request.content_type or "", request.path)
        if announced_bytes(request.META) > limit:
            return too_large(request, limit)
        return self._get_response(request)
