"""The Celery worker's tasks for model servers."""

from celery import shared_task

from webapp.servers import taking_in


@shared_task(name="servers.take_in")
def take_in() -> int:
    """Record what was decided in the shared store; returns how many decisions were."""
    return taking_in.take_in()
