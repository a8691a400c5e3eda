"""The form of log lines: readable, or JSON for log collectors.

Nothing that a person typed is logged: addresses are templates, and exceptions are logged by type and place, because
their texts quote values.
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
# Further fields of a record that go into JSON. No others do: libraries attach whole requests to their records.
FURTHER_FIELDS = ("method", "status", "duration_ms", "bytes")


class ContextFilter(logging.Filter):
    """Adds the request's id, user and address to records that don't have them yet."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        if not hasattr(record, "request_id"):
            request = request_id.current_request()
            record.request_id = request_id.current()
            record.user_id = request_id.user_id(request) if request else ""
            record.path = request_id.route(request) if request else ""
        return True


def describe(error: BaseException | None) -> str:
    """The types and places of an exception and of those that led to it, without their texts."""
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
    """What the operating system or the database says of the error, which quotes nothing."""
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
        for name in ("request_id", "user_id", "path", *FURTHER_FIELDS):
            if (value := getattr(record, name, "")) not in ("", None):
                log_data[name] = value
        if record.exc_info and record.exc_info[1]:
            log_data["exception"] = describe(record.exc_info[1])


def formatter(log_format: str) -> logging.Formatter:
    """The formatter of that name, `line` or `json`. Raises ValueError for any other."""
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
            # Replaces Django's own handlers, which don't use the filters and formatters above.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # Below an error it repeats the access log, with the address as it was typed.
            "django.request": {"level": "ERROR"},
            # They log three lines for each look for waiting scans, every five seconds.
            **{f"celery.{name}": {"level": "WARNING"} for name in ("beat", "worker.strategy")},
            # Below this level these libraries log the values that they read.
            **{name: {"level": "INFO"} for name in ("PIL", "pydicom", "pymongo")},
            # It logs failures with the exception's text; webapp/celery.py logs them without.
            "celery.app.trace": {"level": "CRITICAL"},
        },
    }
