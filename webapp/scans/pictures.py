"""Sending stored pictures to who may see their scan."""

from __future__ import annotations

from typing import TypeVar

from django.http import FileResponse, Http404, HttpResponse
from django.utils.http import quote_etag
from rest_framework.request import Request

from webapp.scans import storage, thumbnail

Answer = TypeVar("Answer", HttpResponse, FileResponse)


def send_picture(request: Request, name: str) -> FileResponse | HttpResponse:
    """Stream a stored picture, which browsers may keep for their user; 304 when they have it already."""
    if not name:
        raise Http404
    etag = quote_etag(name)
    if request.headers.get("If-None-Match") == etag:
        return _private(HttpResponse(status=304), etag)
    try:
        file = storage.path_of(name).open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    kind = "image/jpeg" if name.endswith(".jpg") else "image/png"
    return _private(FileResponse(file, content_type=kind), etag)


def send_thumbnail(request: Request, name: str) -> HttpResponse:
    """Send a small copy of a stored picture; 304 when the browser has it already."""
    etag = quote_etag(f"{name}-{thumbnail.HEIGHT}")
    if request.headers.get("If-None-Match") == etag:
        return _private(HttpResponse(status=304), etag)
    try:
        small = thumbnail.jpeg(name)
    except (FileNotFoundError, ValueError) as error:
        raise Http404 from error
    return _private(HttpResponse(small, content_type="image/jpeg"), etag)


def _private(response: Answer, etag: str) -> Answer:
    response["ETag"] = etag
    # A scan's newest overlay changes at the same address: ask each time, and be told 304.
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    return response
