"""Watches over the clock of periodic tasks inside the Celery worker."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import Any

from celery import bootsteps

CLOCK_POLL_S = 2.0
GOODBYE_S = 8.0
"""For the tasks at hand."""

log = logging.getLogger(__name__)


class ClockWatch(bootsteps.StartStopStep):
    """Ends the worker when its embedded clock has died, so that whoever started it starts both again.

    Celery itself goes on without: the worker answers, and no periodic task ever comes, the waiting scans' neither.
    """

    requires = ("celery.worker.components:Beat",)

    def __init__(self, worker: Any, **options: Any) -> None:
        self._ended = threading.Event()
        super().__init__(worker, **options)

    def start(self, worker: Any) -> None:
        """Begin to watch, if this worker has a clock."""
        if worker.beat is not None:
            threading.Thread(target=self._watch, args=(worker.beat,), daemon=True).start()

    def stop(self, worker: Any) -> None:
        """The worker ends, and so may the clock."""
        self._ended.set()

    def _watch(self, clock: Any) -> None:
        while not self._ended.wait(CLOCK_POLL_S):
            if not clock.is_alive():
                log.error("The worker's clock has died; the worker ends.")
                os.kill(os.getpid(), signal.SIGTERM)
                # Often it waits for its clock to say goodbye. What it drops is in the scan documents.
                threading.Event().wait(GOODBYE_S)
                os.kill(os.getpid(), signal.SIGKILL)
