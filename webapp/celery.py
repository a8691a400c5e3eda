"""The Celery application: `celery -A webapp.celery worker -B`."""

import os

from celery import Celery
from django.conf import settings

from webapp.metrics.folder import count_in_files

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
count_in_files("worker", settings.DATA_DIR)
application = Celery("retinote")
application.config_from_object("django.conf:settings", namespace="CELERY")
application.autodiscover_tasks()
application.autodiscover_tasks(["webapp.metrics"], related_name="worker")
