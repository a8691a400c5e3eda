"""Says that this process is at work on a learning run, while a step keeps it from saying so itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection
from pymongo.errors import PyMongoError

from webapp.core import clock
from webapp.learning.run_document import SILENT_S, LearningRun
from webapp.learning.runs import this_process

log = logging.getLogger(__name__)
EVERY_S = SILENT_S / 6


@contextmanager
def at_work(run: LearningRun, every_s: float = EVERY_S) -> Iterator[None]:
    """Within this context the run counts as being worked on, however long a step takes, and nobody else takes it up.

    A thread says so, so that a process that is killed is silent at once.
    """
    is_over = threading.Event()

    def say() -> None:
        try:
            while not is_over.wait(every_s):
                try:
                    LearningRun.objects.filter(pk=run.pk, worker=this_process(), is_open=True).update(
                        heard_at=clock.now()
                    )
                except (DatabaseError, PyMongoError) as error:
                    log.warning("the run %s can't be noted (%s)", run.name, type(error).__name__)
        finally:
            connection.close()

    thread = threading.Thread(target=say, name="at work", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
