"""The page that clinicians work in: one document for all of its addresses, with its own, strict policy."""

from __future__ import annotations

import secrets
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

PLACEHOLDER = "__NONCE__"
# The components of the page make style elements as they are needed; these carry the nonce.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


@require_safe
def page(request: HttpRequest, **_: str) -> HttpResponse:
    """The page's document; one that says what to do while the page has not been built."""
    try:
        document = (Path(settings.PAGE_FOLDER) / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return render(request, "page_missing.html", status=503)
    nonce = secrets.token_urlsafe(16)
    # The links in it name the files of this build by their content: the document itself is asked for each time.
    return HttpResponse(
        document.replace(PLACEHOLDER, nonce),
        headers={"Content-Security-Policy": POLICY.format(nonce=nonce), "Cache-Control": "no-store"},
    )
