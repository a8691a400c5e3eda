"""What starts learning runs by itself: the clock, new labels, and alarms that other apps raise."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings

from webapp.core import clock
from webapp.drift.models import DriftAlarm
from webapp.learning import runs
from webapp.learning.run_document import LearningRun

log = logging.getLogger(__name__)

PAUSE = timedelta(hours=24)
"""Between runs that nobody asked for: an alarm that stays on must not start one after the other."""


def ask(reason: str) -> LearningRun | None:
    """Ask for a run that nobody started by hand, such as for `drift in clinic east`; None where it is not the time.

    It is not while learning is switched off, another run is open, or the last one was asked for within `PAUSE`.
    """
    if not settings.LEARNING:
        return None
    last = LearningRun.objects.order_by("-asked_at").first()
    if last is not None and (last.is_open or clock.now() - last.asked_at < PAUSE):
        return None
    try:
        return runs.ask(reason)
    except runs.RunRefused as error:
        log.info("no learning run for %s: %s", reason, error)
        return None


def on_drift(sender: object, alarm: DriftAlarm, **_: object) -> None:
    """Ask for a run when the scans of a clinic and device have begun to differ."""
    ask(f"drift: {alarm.stream}")


def ask_if_due() -> LearningRun | None:
    """Ask for a run if the clock or the number of new labels says so."""
    if settings.LEARN_RUN_HOURS:
        last = LearningRun.objects.order_by("-asked_at").first()
        due = timedelta(hours=settings.LEARN_RUN_HOURS)
        if last is None or clock.now() - last.asked_at >= due:
            return ask(f"by the schedule: every {settings.LEARN_RUN_HOURS} hours")
    if settings.LEARN_NEW_LABELS:
        new = new_labels()
        if new >= settings.LEARN_NEW_LABELS:
            return ask(f"{new} new labels since the last run")
    return None


def new_labels() -> int:
    """How many more scans have a verified label than when the last run was asked for."""
    last = LearningRun.objects.order_by("-asked_at").first()
    return runs.verified_scans() - int(last.options.get("verified", 0) if last else 0)
