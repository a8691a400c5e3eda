"""The Celery worker's tasks for what devices and a PACS send."""

from celery import shared_task

from webapp.receiver import reading


@shared_task(name="receiver.read_arrived")
def read_arrived() -> int:
    """Read what has come and is quiet; returns how many volumes and scans were tried."""
    return reading.read_arrived()


@shared_task(name="receiver.forget_old")
def forget_old() -> int:
    """Remove the files of instances that were kept long enough; returns how many."""
    return reading.forget_old()
