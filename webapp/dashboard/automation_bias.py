"""Automation bias: how often readers who read blind go over to the model's answer once they have seen it.

Each case is a reader's first reading of a scan, of which the server knows that it was blind, that differs from the
model's answer, where the right label is known without that reader. To go over is good where the model is right, and
automation bias where it is wrong (K. Goddard, A. Roudsari, J. C. Wyatt, "Automation bias: a systematic review of
frequency, effect mediators, and mitigators", JAMIA 19 (2012), https://doi.org/10.1136/amiajnl-2011-000089).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from bson import ObjectId
from django.conf import settings

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.dashboard.counted import by_scans, scans_read
from webapp.dashboard.intervals import share_of
from webapp.recommendations.answers import Answer
from webapp.reviews.models import Adjudication, Review
from webapp.scans.disclosure import disclose_readings
from webapp.scans.models import ScanQuerySet

FIELDS = ("scan_id", "reader_id", "label", "blind", "blind_by_server", "after_others", "created")
OF_MODEL = ("model_version", "model_label", "model_state", "model_set", "model_group")


@dataclass(frozen=True)
class Given:
    """A reading: what its reader said, what they knew, and the model's answer at the time."""

    scan: ObjectId
    reader: ObjectId
    label: str
    blind: bool
    after_others: bool
    created: datetime
    model_version: str
    model: Answer


@dataclass(frozen=True)
class Case:
    """A blind first reading that differs from the model's answer.

    `changed` says whether the reader went over to the model's answer, and `after_others` whether that was after others'
    readings were shown: nobody can say then whom the reader followed.
    """

    scan: ObjectId
    reader: ObjectId
    model_right: bool
    changed: bool
    after_others: bool


def automation_bias(scans: ScanQuerySet, user: User, since: datetime) -> dict[str, Any] | None:
    """What the dashboard shows of the readings of these scans since then; None for users who neither read nor manage.

    Who may manage sees every reader of scans whose readings they may know; all others see themselves alone. Notes the
    scans of the cases as ones of which others' readings are shown.
    """
    everybody = user.may(Ability.MANAGE)
    if not everybody and not user.may(Ability.READ):
        return None
    # A case begins with a blind reading in the span; what else was said of its scan may be older.
    begun = Review.objects.filter(blind=True, blind_by_server=True, created__gte=since)
    own = begun if everybody else begun.filter(reader=user)
    readings = _readings(scans_read(own, scans.open_to(user).filter(reviewed=True)))
    cases = [case for case in _cases(readings, since) if everybody or case.reader == user.pk]
    disclose_readings(user, {case.scan for case in cases})  # whether the model is right is what others said
    by_reader: dict[ObjectId, list[Case]] = defaultdict(list)
    for case in cases:
        by_reader[case.reader].append(case)
    named = {person.pk: shown_name(person, user) for person in User.objects.filter(pk__in=list(by_reader))}
    rows = [{"reader": named.get(reader, ""), **_counted(found)} for reader, found in by_reader.items()]
    return {
        "all": _counted(cases) if everybody else None,
        "readers": sorted(rows, key=lambda row: str(row["reader"])),
    }


def _readings(scans: Iterable[ObjectId]) -> dict[ObjectId, list[Given]]:
    """All readings of the scans, by scan, the earliest first."""
    by_scan: dict[ObjectId, list[Given]] = defaultdict(list)
    found = by_scans(Review.objects.order_by("created", "pk"), scans)
    rows = chain.from_iterable(some.values_list(*FIELDS, *OF_MODEL) for some in found)
    for scan, reader, label, blind, by_server, after, created, version, first, state, labels, group in rows:
        answer = Answer(first, state or "", labels=tuple(labels or ()), group=group or "")
        by_scan[scan].append(
            Given(scan, reader, label, bool(blind and by_server), bool(after), created, version, answer)
        )
    return by_scan


def _cases(by_scan: Mapping[ObjectId, Sequence[Given]], since: datetime) -> Iterable[Case]:
    settled = _settled(by_scan)
    for scan, readings in by_scan.items():
        by_reader: dict[ObjectId, list[Given]] = defaultdict(list)
        for one in readings:
            by_reader[one.reader].append(one)
        for reader, own in by_reader.items():
            first = own[0]
            if not _differs(first) or first.created < since:
                continue
            right = right_label(readings, reader, settled.get(scan))
            if right:
                # Of another version's answer the first reading says nothing.
                later = [one for one in own[1:] if one.model_version == first.model_version and one.label]
                last = later[-1] if later else first
                changed = last.label in first.model.said
                yield Case(scan, reader, right in first.model.said, changed, changed and last.after_others)


def _differs(reading: Given) -> bool:
    return (
        reading.blind
        and bool(reading.label)
        and reading.model.is_given
        and reading.label not in reading.model.said
    )


def right_label(
    readings: Iterable[Given], reader: ObjectId, settled: tuple[ObjectId, str] | None
) -> str | None:
    """The label of a scan as it is known without this reader; None where it is not.

    An adjudicator's label counts, unless the reader is the adjudicator. Else the one label that all others name who
    read the scan blind, if they are as many as verify a label in this installation: what somebody says who knew the
    model's answer can't tell whether that answer was right.
    """
    if settled and settled[0] != reader:
        return settled[1]
    others = {one.reader: one.label for one in readings if one.blind and one.label and one.reader != reader}
    enough = 0 < settings.VERIFYING_READERS <= len(others)
    return next(iter(others.values())) if enough and len(set(others.values())) == 1 else None


def _settled(scans: Iterable[ObjectId]) -> dict[ObjectId, tuple[ObjectId, str]]:
    """By scan, who adjudicated it last and as what."""
    found = by_scans(Adjudication.objects.order_by("created", "pk"), scans)
    rows = chain.from_iterable(some.values_list("scan_id", "adjudicator_id", "label") for some in found)
    return {scan: (person, label) for scan, person, label in rows}


def _counted(cases: Sequence[Case]) -> dict[str, Any]:
    """The counts and shares of cases in which the model is right, and of those in which it is wrong."""
    kept = [case for case in cases if not case.after_others]
    return {
        "model_right": _changed([case for case in kept if case.model_right]),
        "model_wrong": _changed([case for case in kept if not case.model_right]),
        "after_others": sum(case.after_others for case in cases),
    }


def _changed(cases: Sequence[Case]) -> dict[str, Any]:
    changed, scans = sum(case.changed for case in cases), len({case.scan for case in cases})
    return {
        "differed": len(cases),
        "changed": changed,
        "scans": scans,
        "share": share_of(changed, len(cases), scans),
    }
