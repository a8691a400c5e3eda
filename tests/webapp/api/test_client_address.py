"""Whose address counts, with a proxy before the app and without."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from webapp.api.client_address import ClientAddressMiddleware


def seen(given: str) -> str:
    """The address that a view sees behind the proxy 10.0.0.1."""
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Real-IP": given})

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.META["REMOTE_ADDR"])

    return ClientAddressMiddleware(view)(request).content.decode()


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_behind_a_proxy_the_client_counts(settings: Any, address: str) -> None:
    settings.BEHIND_PROXY = True

    assert seen(address) == address


@pytest.mark.parametrize("given", ["", "unknown", "192.0.2.7, 10.0.0.9", "<script>"])
def test_what_is_no_address_counts_for_nothing(settings: Any, given: str) -> None:
    settings.BEHIND_PROXY = True

    assert seen(given) == "10.0.0.1"


def test_without_a_proxy_nobody_may_choose_an_address(settings: Any) -> None:
    settings.BEHIND_PROXY = False

    with pytest.raises(MiddlewareNotUsed):
        seen("192.0.2.7")
