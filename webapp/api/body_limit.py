"""Refuses a body that is too large before any of it is read into memory or onto the disk."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from webapp.api.errors import too_large

# What a form holds beside its file.
FORM_BYTES = 2**20


class BodyLimitMiddleware:
    """Compares what a request announces with what is taken; one that announces nothing has no body for Django."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if request.content_type == "multipart/form-data":
            limit = settings.MAX_UPLOAD_BYTES + FORM_BYTES
        announced = request.META.get("CONTENT_LENGTH") or "0"
        if announced.isascii() and announced.isdecimal() and int(announced) > limit:
            return too_large(request, limit)
        return self._get_response(request)
