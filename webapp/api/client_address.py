"""The address of who sent a request, when a proxy stands between."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse


class ClientAddressMiddleware:
    """Takes the client's address from X-Real-IP, which our proxy sets and lets nobody else set.

    Without it every request seems to come from the proxy, and one person's failed sign-ins would be counted as
    everybody's. Where no proxy stands before the app the header is anybody's to write, and is not looked at.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.BEHIND_PROXY:
            raise MiddlewareNotUsed
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Put the client's address where Django keeps it."""
        try:
            address = ipaddress.ip_address(request.META.get("HTTP_X_REAL_IP", ""))
        except ValueError:
            pass  # from within the private network: a health check, Prometheus
        else:
            request.META["REMOTE_ADDR"] = str(address)
        return self._get_response(request)
