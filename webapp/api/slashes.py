"""An address of the API is the same with and without the slash at its end."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import is_valid_path

from webapp.api.errors import API_PATH


class SlashMiddleware:
    """Adds the missing slash where that is an address. To redirect instead makes clients ask again by GET, without
    the body that they had sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        is_unfinished = path.startswith(API_PATH) and not path.endswith("/")
        if is_unfinished and not is_valid_path(path) and is_valid_path(f"{path}/"):
            request.path_info, request.path = f"{path}/", f"{request.path}/"
        return self._get_response(request)
