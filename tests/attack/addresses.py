"""Every address of the web app with its methods, read from the URL configuration itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("get", "post", "put", "patch", "delete")
SUFFIXED = "<format>"
"""The router's second way to the same views, `scans.json`."""


def addresses(besides: tuple[str, ...] = ()) -> set[str]:
    """Such as `GET /api/v1/scans/{id}/`; without those below the prefixes in `besides`."""
    return {
        f"{method.upper()} /{route}"
        for route, callback in _walk(get_resolver().url_patterns, "")
        if not route.startswith(besides) and SUFFIXED not in route
        for method in _methods(callback)
    }


def _walk(patterns: list[Any], before: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = before + _readable(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


def _readable(pattern: str) -> str:
    """`^scans/(?P<pk>[0-9a-f]{24})/$` and `scans/<str:id>/` as `scans/{id}/`."""
    pattern = pattern.removeprefix("^").removesuffix("$").removesuffix("\\Z")
    pattern = re.sub(r"\(\?P<format>.*?\)", SUFFIXED, pattern)
    pattern = re.sub(r"<drf_format_suffix:format>", SUFFIXED, pattern)
    pattern = re.sub(r"\(\?P<\w+>[^)]*\)", "{id}", pattern)
    return re.sub(r"<\w+:\w+>", "{id}", pattern)


def _methods(callback: Any) -> list[str]:
    if hasattr(callback, "actions"):  # A view set: its methods follow from its actions.
        return [method for method in METHODS if method in callback.actions]
    view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
    return [method for method in METHODS if hasattr(view, method)] if view else ["get"]
