"""The client's address of a request that came through reverse proxies of ours."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ClientAddressMiddleware:
    """Sets `REMOTE_ADDR` to the client's address, so that limits and logs are about the client and not the proxy.

    Each proxy of ours adds the address that called it to the end of `X-Forwarded-For`. Whatever stands before may be
    forged and is ignored, and so is the whole header without a proxy.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        proxies = settings.PROXIES
        if proxies:
            named = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
            if len(named) >= proxies and _is_address(named[-proxies]):
                request.META["REMOTE_ADDR"] = named[-proxies]
        return self._get_response(request)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
