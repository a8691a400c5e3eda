"""The Celery worker's task for drift."""

import logging

from celery import shared_task

from webapp.drift.watching import watch as watch_streams
from webapp.inference.model_server import ModelUnavailable

log = logging.getLogger(__name__)


@shared_task(name="drift.watch")
def watch() -> int:
    """Compare new scans with earlier ones and with the model's home scans; returns the number of new alarms."""
    try:
        return watch_streams()
    except ModelUnavailable as error:
        # Nothing is lost: the next run sees the same scans.
        log.info("Drift is looked for once the model server gives its card: %s", error)
        return 0
