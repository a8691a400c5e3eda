"""What gunicorn does beside its command line: `gunicorn --config python:webapp.gunicorn webapp.wsgi:application`."""

import os
from pathlib import Path
from typing import Any

from webapp.metrics import folder

ROOT = Path(__file__).resolve().parents[1]

# The master imports the web app once, and workers are forked from it: a stack starts sooner, and so does the worker that
# takes a dead one's place. Nothing is connected, and no thread runs, before the first request.
preload_app = True

# Workers are forked later and find it in their environment.
folder.count_in_files("web", Path(os.environ.get("RETINOTE_DATA_DIR", ROOT / "var")).absolute())


def child_exit(server: Any, worker: Any) -> None:
    """Forget what a dead worker had in hand; what it has counted stays."""
    if folder.VARIABLE in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
