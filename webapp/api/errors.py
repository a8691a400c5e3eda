"""One shape for every error: `{"error": {"code", "message", "fields"?}}`."""

import errno
import logging
import math
import sys
from typing import Any

from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views import defaults
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from rest_framework import exceptions, status
from rest_framework.exceptions import ErrorDetail
from rest_framework.response import Response
from rest_framework.views import exception_handler

log = logging.getLogger(__name__)
API_PATH = "/api/"
DATABASE_AWAY = "The database does not answer at the moment. Try again in a minute."
TRANSIENT_LABELS = ("TransientTransactionError", "UnknownTransactionCommitResult", "RetryableWriteError")
"""MongoDB's labels of errors after which the same may work in a moment."""
STORAGE_AWAY = "The images can't be reached at the moment. Try again in a minute."
GOING_AWAY = {
    91,  # ShutdownInProgress
    134,  # ReadConcernMajorityNotAvailableYet
    189,  # PrimarySteppedDown
    211,  # KeyNotFound: it has yet to read the keys with which it signs times
    262,  # ExceededTimeLimit
    10107,  # NotWritablePrimary
    11600,  # InterruptedAtShutdown
    11602,  # InterruptedDueToReplStateChange
    13435,  # NotPrimaryNoSecondaryOk
    13436,  # NotPrimaryOrSecondary
}
"""MongoDB's codes for a server that stops or steps down, from its specification of retryable writes. A change of
several documents outside of a transaction is no retryable write, and its errors lack those labels. KeyNotFound comes
from a server with accounts that has just started."""
TOO_MANY_REQUESTS = "too_many_requests"
UNKNOWN_HOST = (
    "This server does not answer to the name in the address. Whoever runs it adds the name: "
    "./retinote up --allowed-host NAME, or RETINOTE_ALLOWED_HOSTS in an installation in containers."
)


class Unavailable(exceptions.APIException):
    """A service that the answer needs is not available at the moment."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "A service that this needs is not available at the moment. Try again in a minute."
    default_code = "unavailable"


class StorageFull(exceptions.APIException):
    """The disk has no room for another file."""

    status_code = status.HTTP_507_INSUFFICIENT_STORAGE
    default_detail = "The server's disk is full; nothing was stored. Tell its administrator."
    default_code = "storage_full"


class StorageAway(OSError):
    """The images can't be reached at the moment; the text says why."""


class TooLarge(exceptions.APIException):
    """A body above the limit."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is larger than the limit."
    default_code = "too_large"


def body(code: str, message: str, fields: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """The body of an error: `code` for programs, `message` for people, and what is wrong by field."""
    error: dict[str, Any] = {"code": code, "message": message}
    if fields:
        error["fields"] = fields
    return {"error": error}


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception of a view into its answer; django-rest-framework's `EXCEPTION_HANDLER`."""
    if _database_is_away(error):
        log.error("The database does not answer: %s", type(error).__name__)
        error = Unavailable(DATABASE_AWAY)
    elif isinstance(error, StorageAway):
        log.error("The images can't be reached: %s", error.strerror)
        error = Unavailable(STORAGE_AWAY)
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        log.error("The disk is full: %s", error.strerror)
        error = StorageFull()
    elif isinstance(error, RequestDataTooBig):  # a chunked body, which announced no length
        error = TooLarge()
    elif isinstance(error, Http404):
        error = exceptions.NotFound("There is nothing at this address that you may see.")
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, exceptions.UnsupportedMediaType):
        taken = " or ".join(parser.media_type for parser in context["view"].get_parsers())
        error.detail = ErrorDetail(f"Send the body as {taken}.", error.default_code)
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
        if isinstance(error, exceptions.Throttled):
            code, detail = TOO_MANY_REQUESTS, _wait_message(getattr(error, "wait", None) or 0)
        response.data = body(str(code), str(detail), getattr(error, "fields", None))
    return response


def _database_is_away(error: BaseException) -> bool:
    # The backend wraps the driver's errors, but not those of connecting.
    cause = error.__cause__ if isinstance(error, DatabaseError) else error
    if isinstance(cause, ConnectionFailure):  # with ServerSelectionTimeoutError below it
        return True
    if isinstance(cause, OperationFailure) and cause.code in GOING_AWAY:
        return True
    # A server that has restarted does not know the transaction, and one that stops interrupts it.
    return isinstance(cause, PyMongoError) and any(map(cause.has_error_label, TRANSIENT_LABELS))


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
    return {prefix or "non_field_errors": [_sendable(str(message)) for message in messages]}


def _sendable(text: str) -> str:
    """The message without lone surrogates, which can't be sent: it may quote what was given."""
    return text.encode(errors="replace").decode()


def _summary(fields: dict[str, list[str]]) -> str:
    name, messages = next(iter(fields.items()), ("", ["The request is not valid."]))
    return messages[0] if name in ("", "non_field_errors") else f"{name}: {messages[0]}"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's 400 (bad host, too many fields), in our shape below /api/."""
    if isinstance(exception, DisallowedHost):
        if request.path.startswith(API_PATH):
            return JsonResponse(body("bad_request", UNKNOWN_HOST), status=400)
        return HttpResponse(UNKNOWN_HOST, status=400, content_type="text/plain")
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
    """Django's 500, in our shape below /api/; 503 when it is the database that is away."""
    error = sys.exception()
    if error and _database_is_away(error):
        if request.path.startswith(API_PATH):
            return JsonResponse(body(Unavailable.default_code, DATABASE_AWAY), status=503)
        return HttpResponse(DATABASE_AWAY, status=503, content_type="text/plain; charset=utf-8")
    if request.path.startswith(API_PATH):
        message = "Something went wrong on our side. The answer's X-Request-Id finds it in the log."
        return JsonResponse(body("server_error", message), status=500)
    return defaults.server_error(request)


def too_large(request: HttpRequest, limit: int) -> HttpResponseBase:
    """413 for a body of more than `limit` bytes."""
    message = f"The request is too large: up to {limit / 2**20:.0f} MiB are accepted."
    if request.path.startswith(API_PATH):
        return JsonResponse(body("too_large", message), status=413)
    return HttpResponse(message, status=413, content_type="text/plain; charset=utf-8")


def too_many_requests(request: HttpRequest, wait_s: float) -> HttpResponseBase:
    """429 for too many requests; the next one is answered after `wait_s` seconds."""
    message = _wait_message(wait_s)
    response: HttpResponse
    if request.path.startswith(API_PATH):
        response = JsonResponse(body(TOO_MANY_REQUESTS, message), status=429)
    else:
        response = HttpResponse(message, status=429, content_type="text/plain; charset=utf-8")
    response["Retry-After"] = str(math.ceil(wait_s))
    return response


def _wait_message(wait_s: float) -> str:
    return f"Too many requests. Wait {math.ceil(wait_s)} s and try again."
