"""The Celery worker's tasks for learning."""

from __future__ import annotations

from bson import ObjectId
from celery import shared_task

from webapp.accounts.models import User
from webapp.learning import state
from webapp.learning.rules import Rules

EXPORT = "learning.export"


@shared_task(name=EXPORT)
def export(rules: dict[str, object] | None = None, user_id: str = "") -> str:
    """Make a data set, for a user or by the schedule; returns what came of it. Without rules it takes the installation's."""
    by = User.objects.filter(pk=ObjectId(user_id)).first() if user_id else None
    wanted = Rules(**rules) if rules else Rules.given()  # type: ignore[arg-type]
    return state.export_and_note(wanted, by)
