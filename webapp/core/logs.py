"""What log lines look like: readable, or JSON for machines that collect them.

Whatever may come from a person stays out: addresses are templates, and an exception is told by its type and place,
because its text quotes the values that it stumbled over.
"""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from pymongo.errors import OperationFailure
from pythonjsonlogger.core import LogData
from pythonjsonlogger.json import JsonFormatter

from webapp.core import request_id

JSON, LINE = "json", "line"
ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
# What else of a record is told in JSON. No others: libraries hang whole requests on their records.
MORE_FIELDS = ("method", "status", "duration_ms", "bytes")


class ContextFilter(logging.Filter):
    """Puts the request's id, user and address into records that don't have them yet."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        if not hasattr(record, "request_id"):
            request = request_id.current_request()
            record.request_id = request_id.current()
            record.user_id = request_id.user_id(request) if request else ""
            record.path = request_id.route(request) if request else ""
        return True


def describe(error: BaseException | None) -> str:
    """Types and places of an exception and of those that led to it, without their texts."""
    lines: list[str] = []
    while error is not None:
        kind = type(error)
        lines.append(f"{kind.__module__}.{kind.__qualname__}{_detail(error)}")
        lines += [
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


def _detail(error: BaseException) -> str:
    """What the system or the database says in words of its own."""
    if isinstance(error, OSError) and error.errno is not None:
        return f" ({error.strerror})"
    if isinstance(error, OperationFailure) and error.code is not None:
        return f" (code {error.code})"
    return ""


class LineFormatter(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s")

    def formatException(self, ei: ExceptionInfo) -> str:
        """The exception without its text."""
        return describe(ei[1])


class JsonLines(JsonFormatter):
    """A JSON object in one line."""

    def add_fields(self, log_data: LogData, record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Time, level, logger, message, the request, and what is known beyond."""
        log_data |= {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("request_id", "user_id", "path", *MORE_FIELDS):
            if (value := getattr(record, name, "")) not in ("", None):
                log_data[name] = value
        if record.exc_info and record.exc_info[1]:
            log_data["exception"] = describe(record.exc_info[1])


def formatter(log_format: str) -> logging.Formatter:
    """The formatter of that name, `line` or `json`. Raises ValueError for another."""
    if log_format not in (JSON, LINE):
        raise ValueError(f"RETINOTE_LOG_FORMAT is {log_format!r}; it may be {LINE} or {JSON}.")
    return JsonLines() if log_format == JSON else LineFormatter()


def configuration(log_format: str) -> dict[str, Any]:
    """Django's LOGGING for all processes of the web app."""
    formatter(log_format)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": "webapp.core.logs.ContextFilter"}},
        "formatters": {"chosen": {"()": "webapp.core.logs.formatter", "log_format": log_format}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "filters": ["context"], "formatter": "chosen"}
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            "axes": {"level": "WARNING"},
            # Replaces Django's own handlers, which know nothing of the above.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # Below an error it repeats the access log, with the address as it was typed.
            "django.request": {"level": "ERROR"},
            # Three lines for each look at what is left to do, every five seconds.
            **{f"celery.{name}": {"level": "WARNING"} for name in ("beat", "worker.strategy")},
            # Whatever level is asked for: in detail these tell the values that they read.
            **{name: {"level": "INFO"} for name in ("PIL", "pydicom", "pymongo")},
            # Its lines of failures have the exception's text; webapp/celery.py logs them without.
            "celery.app.trace": {"level": "CRITICAL"},
        },
    }
