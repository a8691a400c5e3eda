"""One id per request: taken from the caller or made here, in every log line and in the answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

HEADER = "X-Request-Id"
GROUP = re.compile(r"\(\?P(<\w+>)[^)]*\)")
# What a caller sends goes into log lines: no blanks, no line ends, nothing long.
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")
NONE = "-"
# Where the server's access log finds what Django knows of a request.
META_ID, META_USER, META_ROUTE = "retinote.request_id", "retinote.user_id", "retinote.route"

_current: ContextVar[str] = ContextVar("request_id", default=NONE)
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


def current() -> str:
    """The id of the request being answered, `-` outside of one."""
    return _current.get()


def begin(given: str = "") -> str:
    """Set the id of what follows and return it: the given one if it is well-formed, else a new one."""
    request_id = given if WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
    _current.set(request_id)
    return request_id


def current_request() -> HttpRequest | None:
    """The request being answered, None outside of one."""
    return _request.get()


def known_user(request: HttpRequest) -> Model | None:
    """The request's user; None while nothing has loaded the user, which would cost a query here."""
    user = request.__dict__.get("user")
    if user is None or isinstance(user, SimpleLazyObject):
        user = getattr(request, "_cached_user", None)
    return user if isinstance(user, Model) and user.pk else None


def user_id(request: HttpRequest) -> str:
    """The id of the request's user, "" where `known_user` is None."""
    user = known_user(request)
    return str(user.pk) if user else ""


def route(request: HttpRequest) -> str:
    """The template of the request's address, without its values; `-` for an address that does not exist."""
    match = request.resolver_match
    return _template(match.route) if match else NONE


@lru_cache(maxsize=512)
def _template(pattern: str) -> str:
    """`api/v1/^scans/(?P<pk>[0-9a-f]{24})/$` as `/api/v1/scans/<pk>/`."""
    return "/" + GROUP.sub(r"\1", pattern).replace("^", "").replace("$", "")


class RequestIdMiddleware:
    """Gives each request its id and returns it in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = begin(request.headers.get(HEADER, ""))
        token = _request.set(request)
        try:
            response = self._get_response(request)
        finally:
            _request.reset(token)
        response[HEADER] = request_id
        request.META |= {META_ID: request_id, META_USER: user_id(request), META_ROUTE: route(request)}
        return response
