"""What drift is called in words: reasons, states of a stream, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from webapp.drift.models import Against, DriftAlarm, DriftStream
from webapp.drift.samples import in_words

MOST_NAMED = 4
"""Measures that a sentence names; further ones are counted."""
NO_STREAM = (
    "There is nothing to watch yet: the model has answered no scan in the last 30 days. Once it has, each clinic and "
    "device is a row here."
)
NO_HOME = (
    "Whether scans differ from those that the model was made with is not watched: its card has no reference statistics. "
    "./retinote statistics --reference adds them."
)


def reason_of(alarm: DriftAlarm) -> str:
    """What was noticed, as a sentence."""
    named = measures_in_words(alarm.differs)
    since = f"{alarm.stream}: scans since {minute(alarm.since)}"
    if alarm.against == Against.HOME:
        return f"{since} are not what the model was made with ({named})."
    return f"{since} differ from earlier ones ({named})."


def measures_in_words(differences: Iterable[Mapping[str, Any]]) -> str:
    """The measures of differences, strongest first."""
    names = [in_words(one["measure"]) for one in differences]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def state_of(stream: DriftStream, alarms: Iterable[DriftAlarm], earlier_needed: int, block: int) -> str:
    """How a stream stands: what differs since when, or that nothing does, or what is missing."""
    sentences = [
        f"{'Acknowledged' if alarm.acknowledged_at else 'DIFFERS'} from {_from(alarm)} since {minute(alarm.since)}."
        for alarm in alarms
    ]
    if not sentences and stream.tests and (stream.earlier_scans >= earlier_needed or stream.has_home):
        sentences.append("No drift.")
    return " ".join([*sentences, *missing(stream, earlier_needed, block)])


def missing(stream: DriftStream, earlier_needed: int, block: int) -> list[str]:
    """What a stream lacks, as sentences; none for one that is fully watched."""
    sentences = []
    if stream.earlier_scans < earlier_needed:
        have = stream.earlier_scans + stream.waiting
        sentences.append(
            f"Changes are not watched yet: {have} of {earlier_needed} scans to compare later ones with are there, one of "
            "each patient."
        )
    if not stream.tests:
        sentences.append(f"{stream.waiting} of {block} scans for the first comparison are there.")
    if not stream.has_home:
        sentences.append(NO_HOME)
    return sentences


def minute(moment: datetime) -> str:
    """A moment in UTC, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _from(alarm: DriftAlarm) -> str:
    return "home scans" if alarm.against == Against.HOME else "earlier scans"
