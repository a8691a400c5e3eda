"""The Celery application: `celery -A webapp.celery worker -B`."""

import logging
import logging.config
import os
from typing import Any

from celery import Celery, signals
from django.conf import settings

from webapp.core import request_id
from webapp.core.clock_watch import ClockWatch
from webapp.metrics.folder import count_in_files

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
count_in_files("worker", settings.DATA_DIR)
application = Celery("retinote")
application.config_from_object("django.conf:settings", namespace="CELERY")
application.autodiscover_tasks()
application.autodiscover_tasks(["webapp.metrics"], related_name="worker")
application.steps["worker"].add(ClockWatch)

log = logging.getLogger(__name__)


@signals.setup_logging.connect
def _log_as_the_web_app_does(**_: Any) -> None:
    """Log as the web app does. Celery leaves logging alone when this signal has a receiver."""
    logging.config.dictConfig(settings.LOGGING)
    logging.captureWarnings(True)


@signals.task_prerun.connect
def _set_request_id(task_id: str = "", **_: Any) -> None:
    """Log a task's lines under its own id, until it goes on with what a request left."""
    request_id.begin(task_id)


@signals.task_failure.connect
def _log_failure(sender: Any = None, exception: BaseException | None = None, **_: Any) -> None:
    """Log a failure; Celery's own line would quote the exception's text."""
    log.error("task %s failed", getattr(sender, "name", "?"), exc_info=exception)
