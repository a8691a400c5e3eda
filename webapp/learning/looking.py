"""The trainer's task: a Celery worker of its own does it, on the queue `learning`."""

from __future__ import annotations

import logging

from celery import shared_task

from webapp.learning import champion, driving, runs, triggers
from webapp.learning.run_document import RunState

log = logging.getLogger(__name__)


# Acknowledged before it is done: a broker would send what takes hours a second time. The document says what is left.
@shared_task(name="learning.look", acks_late=False)
def look() -> str:
    """Take up the run that waits or was interrupted, or begin one that is due; returns how it ended."""
    champion.tell()
    run = runs.open_run()
    if run is not None and runs.end_abandoned(run):
        return f"{run.name}: {run.state}"
    run = run or triggers.ask_if_due()
    if run is None or not (run.state == RunState.WAITING or run.is_silent):
        return ""
    if not runs.take_up(run):
        return ""
    log.info("learning run %s taken up", run.name)
    driving.drive(run)
    log.info("learning run %s: %s", run.name, run.state)
    return f"{run.name}: {run.state}"
