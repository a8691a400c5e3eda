"""The Celery worker's tasks for trials of versions."""

from celery import shared_task

from webapp.rollouts import repredicting, shadowing, watching


@shared_task(name="rollouts.watch")
def watch() -> int:
    """Judge the trials that run; returns how many."""
    return watching.watch()


@shared_task(name="rollouts.answer_in_shadow")
def answer_in_shadow() -> int:
    """Answer scans in shadow; returns how many."""
    return shadowing.answer_due()


@shared_task(name="rollouts.predict_again")
def predict_again() -> int:
    """Predict scans of withdrawn versions again; returns how many were tried."""
    return repredicting.predict_due()
