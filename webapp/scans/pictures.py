"""Sends the pictures of a scan: stored ones, and those that are made from them on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.http import FileResponse, Http404, HttpResponse
from django.utils.http import quote_etag
from rest_framework.request import Request

from webapp.scans import overlay, room, storage, thumbnail
from webapp.scans.models import Scan

Answer = TypeVar("Answer", HttpResponse, FileResponse)
JPEG = "image/jpeg"


def send_picture(request: Request, name: str) -> FileResponse | HttpResponse:
    """Stream a stored picture, which browsers may keep for their user; 304 when the browser has it. Raises Http404."""
    if not name:
        raise Http404
    etag = quote_etag(name)
    if request.headers.get("If-None-Match") == etag:
        return _private(HttpResponse(status=304), etag)
    try:
        file = storage.open_file(name)
    except FileNotFoundError as error:
        raise Http404 from error
    kind = JPEG if name.endswith(".jpg") else "image/png"
    return _private(FileResponse(file, content_type=kind), etag)


def send_thumbnail(request: Request, name: str) -> HttpResponse:
    """Send a small copy of a stored picture; 304 when the browser has it. Raises Http404."""
    return _send_made(request, f"{name}-{thumbnail.HEIGHT}", lambda: thumbnail.jpeg(name))


def send_overlay(request: Request, scan: Scan) -> FileResponse | HttpResponse:
    """Send the scan's overlay; 304 when the browser has it. Raises Http404."""
    if scan.stored_overlay and storage.exists(scan.stored_overlay):
        return send_picture(request, scan.stored_overlay)
    if not scan.heatmap_name:
        raise Http404

    def make() -> bytes:
        with room.taken_for(scan.image_name, with_overlay=True):
            return overlay.drawn(scan.image_name, scan.heatmap_name)

    return _send_made(request, f"{scan.heatmap_name}-overlay", make)


def _send_made(request: Request, version: str, make: Callable[[], bytes]) -> HttpResponse:
    """Send a JPEG, which is made only if the browser does not have this version of it."""
    etag = quote_etag(version)
    if request.headers.get("If-None-Match") == etag:
        return _private(HttpResponse(status=304), etag)
    try:
        content = make()
    except (FileNotFoundError, ValueError) as error:
        raise Http404 from error
    return _private(HttpResponse(content, content_type=JPEG), etag)


def _private(response: Answer, etag: str) -> Answer:
    response["ETag"] = etag
    # A new prediction changes the picture at the same address: browsers have to ask each time, and get 304.
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    return response
