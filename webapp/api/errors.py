"""One shape for every error: `{"error": {"code", "message", "fields"?}}`."""

import errno
import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views import defaults
from pymongo.errors import AutoReconnect
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

log = logging.getLogger(__name__)
API_PATH = "/api/"


class Unavailable(exceptions.APIException):
    """Something that the answer needs is away for the moment."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "A service that this needs is not available at the moment. Try again in a minute."
    default_code = "unavailable"


class StorageFull(exceptions.APIException):
    """No room for another file."""

    status_code = status.HTTP_507_INSUFFICIENT_STORAGE
    default_detail = "The server's disk is full; nothing was stored. Tell its administrator."
    default_code = "storage_full"


def body(code: str, message: str, fields: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """The error as it is sent."""
    error: dict[str, Any] = {"code": code, "message": message}
    if fields:
        error["fields"] = fields
    return {"error": error}


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception of a view into its answer; django-rest-framework's `EXCEPTION_HANDLER`."""
    if _database_is_away(error):
        log.error("The database does not answer: %s", type(error).__name__)
        error = Unavailable("The database does not answer at the moment. Try again in a minute.")
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        log.error("The disk is full: %s", error.strerror)
        error = StorageFull()
    elif isinstance(error, Http404):
        error = exceptions.NotFound("There is nothing here, or not for you.")
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    if isinstance(error, exceptions.ValidationError):
        fields = _by_field(error.detail)
        response.data = body("invalid", _summary(fields), fields)
    else:
        detail: Any = error.detail
        if isinstance(detail, dict):  # simplejwt's InvalidToken carries a dictionary
            detail = detail.get("detail", "")
        code = getattr(detail, "code", None) or error.default_code
        response.data = body(str(code), str(detail))
    return response


def _database_is_away(error: BaseException) -> bool:
    # The backend wraps the driver's errors, but for those of connecting.
    cause = error.__cause__ if isinstance(error, DatabaseError) else error
    return isinstance(cause, AutoReconnect)  # with ServerSelectionTimeoutError below it


def _by_field(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Flatten nested validation errors: `target.selector` → its messages."""
    if isinstance(detail, dict):
        flat: dict[str, list[str]] = {}
        for name, inner in detail.items():
            flat |= _by_field(inner, f"{prefix}.{name}" if prefix else str(name))
        return flat
    if isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        flat = {}
        for number, inner in enumerate(detail):
            flat |= _by_field(inner, f"{prefix}[{number}]")
        return flat
    messages = detail if isinstance(detail, list) else [detail]
    return {prefix or "non_field_errors": [str(message) for message in messages]}


def _summary(fields: dict[str, list[str]]) -> str:
    name, messages = next(iter(fields.items()), ("", ["The request is not valid."]))
    return messages[0] if name in ("", "non_field_errors") else f"{name}: {messages[0]}"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's 400 (bad host, too many fields), in our shape below /api/."""
    if request.path.startswith(API_PATH):
        return JsonResponse(body("bad_request", "The request can't be read."), status=400)
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's 403, in our shape below /api/."""
    if request.path.startswith(API_PATH):
        return JsonResponse(body("permission_denied", "You may not do this."), status=403)
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's 404, in our shape below /api/."""
    if request.path.startswith(API_PATH):
        return JsonResponse(body("not_found", "There is nothing at this address."), status=404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's 500, in our shape below /api/."""
    if request.path.startswith(API_PATH):
        message = "Something went wrong on our side. The answer's X-Request-Id finds it in the log."
        return JsonResponse(body("server_error", message), status=500)
    return defaults.server_error(request)


def too_large(request: HttpRequest, limit: int) -> HttpResponseBase:
    """413 for a body of more than `limit` bytes."""
    message = f"The request is too large: up to {limit / 2**20:.0f} MiB are taken here."
    if request.path.startswith(API_PATH):
        return JsonResponse(body("too_large", message), status=413)
    return HttpResponse(message, status=413, content_type="text/plain; charset=utf-8")
