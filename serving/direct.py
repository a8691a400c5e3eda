"""Requests to our own services: never through a proxy, and with no credentials but those that are given."""

from __future__ import annotations

from typing import Any

import requests


def ask(method: str, url: str, **options: Any) -> requests.Response:
    """Send a request as `requests.request` does, but ignore the environment's proxies and passwords (.netrc)."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, **options)
