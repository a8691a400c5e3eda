"""The page that clinicians work in: one document for all of its addresses, with its own, strict policy."""

from __future__ import annotations

import secrets
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

PLACEHOLDER = "__NONCE__"
# The page's components add style elements as they need them; these carry the nonce.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


@require_safe
def page(request: HttpRequest, **_: str) -> HttpResponse:
    """The page's document; while the page has not been built, one with status 503 that says what to do."""
    try:
        document = (Path(settings.PAGE_FOLDER) / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return render(request, "page_missing.html", status=503)
    nonce = secrets.token_urlsafe(16)
    # The document links to the files of this build, whose names have a digest: it must not be cached itself.
    return HttpResponse(
        document.replace(PLACEHOLDER, nonce),
        headers={"Content-Security-Policy": POLICY.format(nonce=nonce), "Cache-Control": "no-store"},
    )
