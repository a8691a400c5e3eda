"""Makes addresses of the API the same with and without a slash at the end."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import is_valid_path

from webapp.api.errors import API_PATH


class SlashMiddleware:
    """Adds the missing slash where that makes an address.

    A redirect would make clients ask again by GET, without the body that they sent.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        is_unfinished = path.startswith(API_PATH) and not path.endswith("/")
        if is_unfinished and not is_valid_path(path) and is_valid_path(f"{path}/"):
            request.path_info, request.path = f"{path}/", f"{request.path}/"
        return self._get_response(request)
