"""Watches over the clock of periodic tasks inside the Celery worker."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import Any

from celery import bootsteps

CLOCK_POLL_S = 2.0
SHUTDOWN_S = 8.0
"""The time that running tasks have to finish."""

log = logging.getLogger(__name__)


class ClockWatch(bootsteps.StartStopStep):
    """Ends the worker when its embedded clock has died, so that whoever started it starts both again.

    Celery itself goes on without a clock: the worker answers, but no periodic task runs any more, and waiting scans are
    never predicted.
    """

    requires = ("celery.worker.components:Beat",)

    def __init__(self, worker: Any, **options: Any) -> None:
        self._ended = threading.Event()
        super().__init__(worker, **options)

    def start(self, worker: Any) -> None:
        """Watch the clock, if this worker has one."""
        if worker.beat is not None:
            threading.Thread(target=self._watch, args=(worker.beat,), daemon=True).start()

    def stop(self, worker: Any) -> None:
        """Stop watching: the worker ends, and its clock with it."""
        self._ended.set()

    def _watch(self, clock: Any) -> None:
        while not self._ended.wait(CLOCK_POLL_S):
            if not clock.is_alive():
                log.error("The worker's clock has died; the worker ends.")
                os.kill(os.getpid(), signal.SIGTERM)
                # The worker often waits for its dead clock. The documents of scans still say what is left to do.
                threading.Event().wait(SHUTDOWN_S)
                os.kill(os.getpid(), signal.SIGKILL)
