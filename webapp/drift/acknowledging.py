"""What people do about an alarm: say that they know, or that what is new is right."""

from __future__ import annotations

from datetime import timedelta

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.core import clock
from webapp.drift.models import Against, DriftAlarm, DriftStream
from webapp.drift.watching import KIND, end
from webapp.mongodb.transactions import all_or_nothing


class NotLive(Exception):
    """The alarm has ended, or somebody has acknowledged it already; the message says which."""


def acknowledge(alarm: DriftAlarm, user: User, *, accept: bool = False) -> DriftAlarm:
    """Note who knows of an alarm, with a record. Raises NotLive.

    With `accept` what is new is the measure from now on: the scans since the change become the earlier ones that later
    scans are compared with, or the difference from the model's home scans is no longer looked for. The alarm ends.
    """

    def write() -> DriftAlarm:
        before = DriftAlarm.objects.get(pk=alarm.pk)
        if not before.live:
            raise NotLive(f"The alarm has ended by itself or was ended: {before}.")
        if before.acknowledged_at and not accept:
            raise NotLive(f"{before.acknowledged_by} has acknowledged it already.")
        now = DriftAlarm.objects.get(pk=alarm.pk)
        now.acknowledged_at, now.acknowledged_by, now.accepted = clock.now(), user, accept
        now.save(update_fields=["acknowledged_at", "acknowledged_by", "accepted"])
        after = DriftAlarm.objects.get(pk=alarm.pk)
        record(Action.DRIFT_ACKNOWLEDGE, user, KIND, before=before, after=after)
        if accept:
            DriftStream.objects.filter(pk=now.stream_id).update(**_accepted(now))
            end(after)
        return after

    return all_or_nothing(write)


def _accepted(alarm: DriftAlarm) -> dict[str, object]:
    """The fields of a stream whose new scans are the measure from now on."""
    if alarm.against == Against.HOME:
        return {"home_accepted_at": clock.now()}
    just_before = alarm.since - timedelta(milliseconds=1)
    return {
        "earlier": {},
        "earlier_scans": 0,
        "earlier_from": None,
        "earlier_until": None,
        "seen_until": just_before,
        "seen_last": "",
    }
