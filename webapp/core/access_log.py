"""The access log: gunicorn's logger, without anything that somebody typed.

`gunicorn --logger-class webapp.core.access_log.AccessLogger --access-logfile - …`
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from webapp.core.logs import LINE, ContextFilter, formatter
from webapp.core.request_id import META_ID, META_ROUTE, META_USER, NONE

# Asked every few seconds by whoever watches over the app.
PROBES = frozenset({"/healthz/", "/readyz/"})
INVALID = "Invalid request from ip="
# For lines that belong to no request: the thread that logs them still has the id of its last one.
NO_REQUEST = {"request_id": NONE, "user_id": "", "path": ""}


class AccessLogger(Logger):  # type: ignore[misc]
    """Lines in the web app's own form, each with the request's id."""

    def setup(self, cfg: Any) -> None:
        """Set the loggers up as gunicorn does, with our formatter."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            for handler in logger.handlers:
                handler.addFilter(ContextFilter())
                handler.setFormatter(formatter(os.environ.get("RETINOTE_LOG_FORMAT") or LINE))

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Log one line for an answered request, with the template of its address and never its query."""
        route = environ.get(META_ROUTE, NONE)
        status = int(str(resp.status).split()[0])
        if not self.access_log_enabled or (route in PROBES and status < 400):
            return
        duration_ms = round(request_time / timedelta(milliseconds=1), 1)
        method = environ.get("REQUEST_METHOD", NONE)
        self.access_log.info(
            "%s %s %d in %.0f ms",
            *(method, route, status, duration_ms),
            extra={
                "request_id": environ.get(META_ID, NONE),
                "user_id": environ.get(META_USER, ""),
                "path": route,
                "method": method,
                "status": status,
                "duration_ms": duration_ms,
                "bytes": getattr(resp, "sent", None),
            },
        )

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log only the kind of fault of a request that can't be read: gunicorn would quote its line or header."""
        if isinstance(msg, str) and msg.startswith(INVALID):
            fault = sys.exc_info()[0]
            msg = f"{msg.partition(': ')[0]}: {fault.__name__ if fault else 'unreadable'}"
            kwargs["extra"] = NO_REQUEST
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log an error outside of the app, without the address that gunicorn adds."""
        super().exception(msg, *("(address)" if "/" in str(arg) else arg for arg in args), **kwargs)
