"""The Celery application: `celery -A webapp.celery worker -B`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
application = Celery("retinote")
application.config_from_object("django.conf:settings", namespace="CELERY")
application.autodiscover_tasks()
