"""Requests to what runs beside us: never through a proxy, and with nobody's credentials but those that are given."""

from __future__ import annotations

from typing import Any

import requests


def ask(method: str, url: str, **options: Any) -> requests.Response:
    """As `requests.request`, whatever proxies and passwords (.netrc) the surroundings name."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, **options)
