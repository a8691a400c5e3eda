"""The Celery worker's metrics, and its own address for Prometheus, as it has no web server.

Only the worker imports this module, through `webapp/celery.py`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from celery import signals
from django.conf import settings

from webapp.metrics import instruments
from webapp.metrics.exposition import CONTENT_TYPE, is_reader, process_metrics
from webapp.metrics.middleware import PATH

log = logging.getLogger(__name__)

_began: dict[str, float] = {}


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI application: the metrics for whoever has the token, 404 for all others."""
    if environ["PATH_INFO"] != PATH or not is_reader(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b""]
    start_response("200 OK", [("Content-Type", CONTENT_TYPE)])
    return [process_metrics()]


def serve(port: int) -> WSGIServer:
    """Answer at the port, on all interfaces, in threads that end with the process. Raises OSError."""
    server = make_server("", port, answer, server_class=_Server, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10  # seconds for a caller to say what it wants

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a line for each scrape is of no use."""


@signals.task_prerun.connect
def _task_begins(task_id: str = "", **_: Any) -> None:
    _began[task_id] = time.perf_counter()


@signals.task_postrun.connect
def _task_ends(task_id: str = "", task: Any = None, state: str | None = None, **_: Any) -> None:
    name = getattr(task, "name", "unknown")
    instruments.TASKS.labels(name, (state or "unknown").lower()).inc()
    if (began := _began.pop(task_id, None)) is not None:
        instruments.TASK_SECONDS.labels(name).observe(time.perf_counter() - began)


@signals.worker_ready.connect
def _worker_is_ready(**_: Any) -> None:
    if not settings.WORKER_METRICS_PORT:
        return
    if not settings.METRICS_TOKEN:
        log.warning(
            "RETINOTE_WORKER_METRICS_PORT without RETINOTE_METRICS_TOKEN: nobody may read the metrics."
        )
        return
    try:
        serve(settings.WORKER_METRICS_PORT)
    except OSError as error:
        log.error("The metrics can't be served at port %d: %s", settings.WORKER_METRICS_PORT, error.strerror)
