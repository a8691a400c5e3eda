"""What the Celery worker does."""

from celery import shared_task

from webapp.scans import prediction


@shared_task(name="scans.predict_queued")
def predict_queued() -> int:
    """Predict the scans that wait for the model server; returns how many were tried."""
    return prediction.predict_queued()
