"""The Celery worker's tasks for learning."""

from __future__ import annotations

import logging

from celery import shared_task

from webapp.core import modalities
from webapp.learning import asking, exporting, useful
from webapp.learning.looking import look
from webapp.learning.rules import EXPECTED_ERRORS, Rules

__all__ = ["export", "export_asked", "look"]

log = logging.getLogger(__name__)


@shared_task(name="learning.export_asked")
def export_asked() -> int:
    """Make the data set that somebody asked for; returns how many were tried."""
    return asking.make_what_is_asked_for()


@shared_task(name="learning.put_in_order")
def put_in_order() -> int:
    """Bring the order "most useful next" into step with the answers; returns how many places changed."""
    return useful.put_in_order()


@shared_task(name="learning.export")
def export() -> str:
    """Make a data set of each model by the schedule and the installation's rules; returns what came of it."""
    return " ".join(_export(model) for model in modalities.models())


def _export(model: str) -> str:
    try:
        return str(exporting.export(Rules.given(model)))
    except EXPECTED_ERRORS as error:
        log.warning("no data set of %s was made: %s", model, error)
        return str(error)
