"""The Celery worker's tasks for scans."""

from celery import shared_task

from webapp.scans import prediction
from webapp.scans.sweep import sweep as sweep_scans


@shared_task(name="scans.predict_queued")
def predict_queued() -> int:
    """Predict the scans that wait for the model server; returns how many were tried."""
    return prediction.predict_queued()


@shared_task(name="scans.sweep")
def sweep() -> str:
    """Bring files and documents back into step; returns what was mended."""
    return str(sweep_scans())
