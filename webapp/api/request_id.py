"""One id per request: taken from the caller or made here, in every log line and in the answer."""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-Id"
# What a caller sends goes into log lines: no blanks, no line ends, no novels.
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")

_current: ContextVar[str] = ContextVar("request_id", default="-")


def current() -> str:
    """The id of the request being answered, `-` outside of one."""
    return _current.get()


def begin(given: str = "") -> str:
    """Set the id for what follows: the given one if it is well-formed, else a new one."""
    request_id = given if WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
    _current.set(request_id)
    return request_id


class RequestIdMiddleware:
    """Gives each request its id and returns it in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = begin(request.headers.get(HEADER, ""))
        response = self._get_response(request)
        response[HEADER] = request_id
        return response


class RequestIdFilter(logging.Filter):
    """Puts the id into log records."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current()
        return True
