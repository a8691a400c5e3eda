"""Counts requests by what they asked for, and answers Prometheus."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPMethod

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from webapp.inference.model_server import ModelUnavailable
from webapp.metrics import instruments
from webapp.metrics.exposition import CONTENT_TYPE, is_reader, model_metrics, web_metrics

PATH, MODEL_PATH = "/metrics", "/metrics/model-server"
READ: dict[str, Callable[[], bytes | None]] = {PATH: web_metrics, MODEL_PATH: model_metrics}
METHODS = frozenset(HTTPMethod)
GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
CONVERTER = re.compile(r"<\w+:(\w+)>")
REGULAR = re.compile(r"[\^$\\?]")


class MetricsMiddleware:
    """Counts requests and measures what callers wait for; it has to be the first middleware.

    It answers Prometheus itself, because Django then checks host names, and Prometheus calls a server by whatever name
    or address it has found. Without the token these addresses are like any that does not exist.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path in READ and is_reader(request.headers.get("Authorization", "")):
            answer = _answer(READ[request.path])
            if answer is not None:
                return answer
        started = time.perf_counter()
        with instruments.IN_PROGRESS.track_inprogress():
            response = self._get_response(request)
        seconds = time.perf_counter() - started
        method = request.method if request.method in METHODS else "OTHER"
        address = route(request)
        instruments.REQUESTS.labels(method, address, response.status_code).inc()
        instruments.REQUEST_SECONDS.labels(method, address).observe(seconds)
        if code := _error_code(response):
            instruments.ERRORS.labels(code).inc()
        return response


def _answer(read: Callable[[], bytes | None]) -> HttpResponse | None:
    """An answer for Prometheus, for which a 503 is a target that is down; None where there are no metrics."""
    try:
        text = read()
    except ModelUnavailable as error:
        return HttpResponse(f"{error}\n", status=503, content_type="text/plain; charset=utf-8")
    if text is None:
        return None
    return HttpResponse(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def route(request: HttpRequest) -> str:
    """The template of the request's address, such as /api/v1/scans/<pk>/; "static" or "unmatched" for others."""
    if request.resolver_match is None:
        return "static" if request.path.startswith(settings.STATIC_URL) else "unmatched"
    return _readable(request.resolver_match.route)


@lru_cache(maxsize=512)
def _readable(pattern: str) -> str:
    return "/" + REGULAR.sub("", CONVERTER.sub(r"<\1>", GROUP.sub(r"<\1>", pattern)))


def _error_code(response: HttpResponseBase) -> str:
    """The code of an error in our shape, else `http_` and the status; "" for what is no error."""
    if response.status_code < 400:
        return ""
    if isinstance(response, HttpResponse) and "json" in response.headers.get("Content-Type", ""):
        try:
            return str(json.loads(response.content)["error"]["code"])
        except (ValueError, KeyError, TypeError):
            pass
    return f"http_{response.status_code}"
