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
    """Its log lines look like those of the web app; Celery leaves logging alone where somebody listens to this."""
    logging.config.dictConfig(settings.LOGGING)
    logging.captureWarnings(True)


@signals.task_prerun.connect
def _begin(task_id: str = "", **_: Any) -> None:
    """A task's lines have its own id, until it takes up what a request has left."""
    request_id.begin(task_id)


@signals.task_failure.connect
def _failed(sender: Any = None, exception: BaseException | None = None, **_: Any) -> None:
    """Log a failure; Celery's own line would quote the exception's text."""
    log.error("task %s failed", getattr(sender, "name", "?"), exc_info=exception)
