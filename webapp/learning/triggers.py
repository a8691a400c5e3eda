"""What starts learning runs by itself: the clock, new labels, and alarms that other apps raise."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings

from webapp.core import clock, modalities
from webapp.drift.models import DriftAlarm
from webapp.learning import runs
from webapp.learning.run_document import LearningRun

log = logging.getLogger(__name__)

PAUSE = timedelta(hours=24)
"""Between runs that nobody asked for: an alarm that stays on must not start one after the other."""


def ask(reason: str, model: str) -> LearningRun | None:
    """Ask for a run that nobody started by hand, such as for `drift in clinic east`; None where it is not the time.

    It is not while learning is switched off, another run is open, or the model's last one was asked for within `PAUSE`.
    """
    if not settings.LEARNING or runs.open_run() is not None:
        return None
    last = _last(model)
    if last is not None and clock.now() - last.asked_at < PAUSE:
        return None
    try:
        return runs.ask(reason, model=model)
    except runs.RunRefused as error:
        log.info("no learning run for %s: %s", reason, error)
        return None


def on_drift(sender: object, alarm: DriftAlarm, **_: object) -> None:
    """Ask for a run when the scans of a clinic and device have begun to differ."""
    ask(f"drift: {alarm.stream}", alarm.stream.model_name)


def ask_if_due() -> LearningRun | None:
    """Ask for a run of the first model for which the clock or the number of new labels says so."""
    for model in modalities.models():
        reason = _reason(model)
        if reason and (run := ask(reason, model)):
            return run
    return None


def _reason(model: str) -> str:
    """Why a run of a model is due; "" if none is, or if there is nothing verified to learn from."""
    if not runs.verified_scans(model):
        return ""
    if settings.LEARN_RUN_HOURS:
        last = _last(model)
        due = timedelta(hours=settings.LEARN_RUN_HOURS)
        if last is None or clock.now() - last.asked_at >= due:
            return f"by the schedule: every {settings.LEARN_RUN_HOURS} hours"
    if settings.LEARN_NEW_LABELS:
        new = new_labels(model)
        if new >= settings.LEARN_NEW_LABELS:
            return f"{new} new labels since the last run"
    return ""


def new_labels(model: str) -> int:
    """How many more scans of a model have a verified label than when its last run was asked for."""
    last = _last(model)
    return runs.verified_scans(model) - int(last.options.get("verified", 0) if last else 0)


def _last(model: str) -> LearningRun | None:
    return LearningRun.objects.filter(model_name=model).order_by("-asked_at").first()
