"""Watches for drift: takes new scans block by block, compares them, and raises and ends alarms.

The first EARLIER independent scans of a stream are what later ones are compared with; they stay the same, so that a
slow change adds up. Every BLOCK new ones are compared once, so that nothing is tested again and again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.audit.models import Action
from webapp.audit.recording import acting, record
from webapp.core import clock
from webapp.drift.comparing import BEFORE, HOME, Difference, Homes, compare, level
from webapp.drift.gathering import NewScan, find_streams, new_scans
from webapp.drift.models import Against, DriftAlarm, DriftStream
from webapp.drift.reference import homes_of
from webapp.drift.samples import Sample, joined, sample_of
from webapp.drift.showing import shown
from webapp.drift.signals import drifted
from webapp.drift.sizes import BLOCK, EARLIER, LARGE_BLOCK
from webapp.drift.telling import reason_of
from webapp.inference.model_server import ModelUnavailable, model_client
from webapp.metrics import instruments
from webapp.mongodb.transactions import all_or_nothing

log = logging.getLogger(__name__)

KIND = "drift"
CALM_AFTER = 2
"""Comparisons in a row without a difference after which it has ended."""


@dataclass(frozen=True)
class Block:
    """Scans to compare: one of each patient, and the last one of all that were looked at for them."""

    scans: tuple[NewScan, ...]
    last: NewScan

    @property
    def sample(self) -> Sample:
        """Their values."""
        return sample_of(scan.values for scan in self.scans)


def watch() -> int:
    """Look at the new scans of all streams; returns the number of new alarms.

    Raises ModelUnavailable where the model server can't give the card of a model: without it no stream of the model is
    compared, and the next run sees the same scans.
    """
    streams = find_streams()
    raised = 0
    missing: ModelUnavailable | None = None
    for model in sorted({stream.model_name for stream in streams}):
        try:
            card = model_client(model).card()
        except ModelUnavailable as error:
            missing = error
            continue
        for stream in streams:
            if stream.model_name == model:
                homes = homes_of(card, stream.weights_sha256, stream.calibration)
                raised += _look(stream, homes, len(streams))
    if missing:
        raise missing
    return raised


def _look(stream: DriftStream, homes: Homes, streams: int) -> int:
    """Compare the new scans of a stream, block by block; returns the number of new alarms."""
    if stream.seen_until > clock.now():  # the clock was ahead when it was set
        log.warning("The clock has gone back: drift is watched from now on for stream %s.", stream.pk)
        _update(stream, seen_until=clock.now(), seen_last="")
    if stream.has_home != bool(homes):
        _update(stream, has_home=bool(homes))
    raised = 0
    scans = list(new_scans(stream))
    while True:
        block = next_block(scans, LARGE_BLOCK) or next_block(scans, BLOCK)
        if block is None:
            break
        seen = (stream.seen_until, stream.seen_last)
        raised += len(_take(stream, block, homes, streams))
        if seen == (stream.seen_until, stream.seen_last):
            return raised  # another worker has taken it
        scans = scans[scans.index(block.last) + 1 :]
    _update(stream, waiting=len(list(_one_of_each(scans))))
    return raised


def next_block(scans: Sequence[NewScan], size: int) -> Block | None:
    """The first `size` scans, one of each patient; None while there are fewer."""
    chosen: list[NewScan] = []
    for scan in _one_of_each(scans):
        chosen.append(scan)
        if len(chosen) == size:
            return Block(tuple(chosen), scan)
    return None


def _one_of_each(scans: Iterable[NewScan]) -> Iterator[NewScan]:
    """The first scan of each patient: several of one are alike, and say no more than one."""
    seen: set[str] = set()
    for scan in scans:
        if not scan.patient or scan.patient not in seen:
            seen.add(scan.patient)
            yield scan


def _take(stream: DriftStream, block: Block, homes: Homes, streams: int) -> list[DriftAlarm]:
    """Compare a block, keep what came of it, and raise alarms; none where another worker has taken the block."""

    def write() -> list[DriftAlarm]:
        now = DriftStream.objects.get(pk=stream.pk)
        if (now.seen_until, now.seen_last) != (stream.seen_until, stream.seen_last):
            return []
        day = f"{clock.now():%Y-%m-%d}"
        if day > now.day:  # a clock that goes back gives nothing to spend again
            now.day, now.tests_of_day = day, 0
        alpha = level(now.tests_of_day, streams)
        whole = now.earlier_scans >= EARLIER
        accepted = now.home_accepted_at is not None
        sample = block.sample
        found = compare(sample, now.earlier if whole else None, () if accepted else homes, alpha)
        now.seen_until, now.seen_last = block.last.time, str(block.last.key)
        now.tests_of_day, now.tests = now.tests_of_day + 1, now.tests + 1
        now.last_at = clock.now()
        now.last = shown(block.scans, sample, found, now.earlier if whole else {}, homes)
        if not whole:
            now.earlier = joined(now.earlier, sample)
            now.earlier_scans += len(block.scans)
            now.earlier_from = now.earlier_from or block.scans[0].time
            now.earlier_until = block.last.time
        raised = _follow(now, block, found)
        now.save()
        return raised

    raised = all_or_nothing(write)
    stream.refresh_from_db()
    for alarm in raised:
        instruments.DRIFT_ALARMS.labels(alarm.against).inc()
        log.warning("Drift: stream %s differs from %s.", stream.pk, alarm.against)
        # Robustly: the alarm is stored, whatever becomes of those who hear of it.
        for receiver, error in drifted.send_robust(DriftAlarm, alarm=alarm, reason=reason_of(alarm)):
            if error is not None:
                log.error("Who was told of drift failed: %s", receiver, exc_info=error)
    return raised


def _follow(stream: DriftStream, block: Block, found: Sequence[Difference]) -> list[DriftAlarm]:
    """Raise, continue and end the stream's alarms by what was found; returns new ones."""
    raised = []
    for against, name in ((Against.BEFORE, BEFORE), (Against.HOME, HOME)):
        compared = [one for one in found if one.against == name]
        differs = [one.to_dict() for one in compared if one.significant]
        alarm = stream.alarms.live().filter(against=against).first()
        if alarm is None and differs:
            raised.append(notice(stream, against, block.scans[0].time, len(block.scans), differs))
        elif alarm is not None and compared:
            alarm.scans += len(block.scans)
            alarm.now_differs = differs
            alarm.calm = 0 if differs else alarm.calm + 1
            alarm.last_at = clock.now() if differs else alarm.last_at
            alarm.save(update_fields=["scans", "now_differs", "calm", "last_at"])
            if alarm.calm >= CALM_AFTER:
                end(alarm)
    return raised


def notice(
    stream: DriftStream, against: Against, since: datetime, scans: int, differs: list[dict[str, Any]]
) -> DriftAlarm:
    """Raise an alarm, with its record; inside a transaction."""
    alarm = DriftAlarm(
        stream=stream, against=against, since=since, scans=scans, differs=differs, now_differs=differs
    )
    alarm.save(force_insert=True)
    record(Action.DRIFT_ALARM, acting(), KIND, after=alarm, weights_sha256=stream.weights_sha256)
    return alarm


def end(alarm: DriftAlarm) -> None:
    """End an alarm, with its record; inside a transaction."""
    before = DriftAlarm.objects.get(pk=alarm.pk)
    alarm.live, alarm.ended_at = False, clock.now()
    alarm.save(update_fields=["live", "ended_at"])
    record(Action.DRIFT_END, acting(), KIND, before=before, after=DriftAlarm.objects.get(pk=alarm.pk))


def _update(stream: DriftStream, **values: object) -> None:
    """Change fields of a stream, here and in the database."""
    DriftStream.objects.filter(pk=stream.pk).update(**values)
    for name, value in values.items():
        setattr(stream, name, value)
