"""The Celery worker's task for results."""

from celery import shared_task

from webapp.pacs.queue import send_due


@shared_task(name="pacs.send")
def send() -> int:
    """Send the results that are due; returns how many were tried."""
    return send_due()
