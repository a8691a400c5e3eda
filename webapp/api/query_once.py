"""Refuses queries that name a parameter twice."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from webapp.api.errors import API_PATH, body
from webapp.api.once import TWICE


class QueryOnceMiddleware:
    """Answers 400 to a request of the API whose query names a parameter twice."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(API_PATH):
            names = [name for name, values in request.GET.lists() if len(values) > 1]
            if names:
                message = f"{names[0]}: {TWICE}"
                fields = {name: [TWICE] for name in names}
                return JsonResponse(body("invalid", message, fields), status=400)
        return self._get_response(request)
