"""The Celery worker's task for the audit."""

from celery import shared_task

from webapp.audit import sealing


@shared_task(name="audit.seal")
def seal() -> int:
    """Seal the records that wait; returns how many."""
    return sealing.seal()
