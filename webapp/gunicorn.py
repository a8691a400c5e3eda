"""The configuration of gunicorn: `gunicorn --config python:webapp.gunicorn webapp.wsgi:application`."""

import contextlib
import ctypes
import json
import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gunicorn import util
from gunicorn.http.unreader import SocketUnreader

from webapp.api.turns import THREADS
from webapp.metrics import folder

ROOT = Path(__file__).resolve().parents[1]
M_MMAP_THRESHOLD, MAPPED_FROM_BYTES = -3, 2**20
"""The option's number in glibc's malloc.h, and the size from which a block is a mapping of its own."""
M_TRIM_THRESHOLD, KEPT_BYTES = -1, 2**23
"""The same, and how much free memory each of glibc's heaps keeps."""
READ_BYTES = 2**17
"""The most of a body that is read from its connection at once."""

# Code and message of what gunicorn refuses before the web app sees it, by status.
REFUSALS = {
    HTTPStatus.REQUEST_URI_TOO_LONG: (
        "address_too_long",
        "The address is too long: up to 4 KiB are accepted.",
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "headers_too_large",
        "There are too many headers, or one is too long: up to 100 of up to 8 KiB each are accepted.",
    ),
    HTTPStatus.NOT_IMPLEMENTED: (
        "not_implemented",
        "This transfer coding is not known here; send chunked, or none.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("server_error", "Something went wrong on our side."),
}
UNREADABLE = ("bad_request", "The request can't be read: it is not well-formed HTTP.")

# The master imports the web app once, and workers are forked from it: a stack starts sooner, and so does the worker
# that takes a dead one's place. Nothing is connected, and no thread runs, before the first request.
preload_app = True

# Requests mostly wait for others.
threads = THREADS

# So that the memory of a large picture is given back to the system: by default glibc keeps ever larger blocks. What is
# smaller is kept: a body passes through many buffers, and to take each from the system anew, page by page, costs more
# than all else that is done with it.
with contextlib.suppress(AttributeError):  # of other C libraries
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
    ctypes.CDLL(None).mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
SocketUnreader.max_body_chunk = READ_BYTES  # gunicorn's own would be mapped and unmapped for each read

# Workers are forked later and inherit this in their environment.
folder.count_in_files("web", Path(os.environ.get("RETINOTE_DATA_DIR", ROOT / "var")).absolute())


def child_exit(server: Any, worker: Any) -> None:
    """Drop a dead worker's gauges; its counters stay."""
    if folder.VARIABLE in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def write_error(sock: Any, status_int: int, reason: str, mesg: str) -> None:
    """Send gunicorn's own refusals in the shape of all errors, without quoting the request."""
    from webapp.api.errors import body

    content = json.dumps(body(*REFUSALS.get(HTTPStatus(status_int), UNREADABLE))).encode()
    head = (
        f"HTTP/1.1 {status_int} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode() + content)


util.write_error = write_error
