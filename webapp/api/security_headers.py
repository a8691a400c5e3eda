"""Headers that keep our pages from loading or running anything that isn't ours."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The API's documentation starts with an inline script; nothing that a user wrote is shown there.
DOCS_POLICY = POLICY + "; script-src 'self' 'unsafe-inline'"
DOCS_PATH = "/api/docs/"
# Answers about people must not be cached, unless a view says otherwise, as that of pictures does.
PRIVATE_PATHS = ("/api/", "/admin/")


class SecurityHeadersMiddleware:
    """Adds a Content-Security-Policy to every answer, and `no-store` to those about people."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        policy = DOCS_POLICY if request.path == DOCS_PATH else POLICY
        response.setdefault("Content-Security-Policy", policy)
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        # The documentation's own view would let windows of other sites keep a reference to its window.
        response["Cross-Origin-Opener-Policy"] = "same-origin"
        if request.path.startswith(PRIVATE_PATHS):
            response.setdefault("Cache-Control", "no-store")
        return response
