"""The answer to somebody who has failed to sign in too often."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from webapp.api.errors import API_PATH, body

MESSAGE = "Too many failed sign-ins with this name from this address. Wait ten minutes and try again."


def too_many_failures(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """429 in the shape that fits the address; django-axes calls it."""
    if request.path.startswith(API_PATH):
        return JsonResponse(body("too_many_failures", MESSAGE), status=429)
    return HttpResponse(MESSAGE, status=429, content_type="text/plain; charset=utf-8")
