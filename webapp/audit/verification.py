"""Walks the chain and finds where it was tampered with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from webapp.audit.hashing import GENESIS, audited_kinds, record_sha256
from webapp.audit.models import Action, Head, Record, RefusedLine
from webapp.audit.sealing import HEAD

# A record of a list has up to a thousand keys.
CHUNK = 200
# How far away from its place a record is looked for by its hash.
NEIGHBOURHOOD = 1000


@dataclass(frozen=True)
class Finding:
    """A place in the chain that was tampered with, and what is wrong there."""

    number: int
    time: datetime | None
    what: str

    def __str__(self) -> str:
        moment = f" of {self.time:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC" if self.time else ""
        return f"record {self.number}{moment}: {self.what}"


@dataclass
class Verification:
    """One walk along the chain, in constant memory.

    `anchors` are hashes by number that were noted elsewhere. `count`, `last` and `last_hash` hold, once it is over, how
    many records there are, and the number and hash of the last one.
    """

    anchors: Mapping[int, str] = field(default_factory=dict)
    count: int = 0
    last: int = 0
    last_hash: str = GENESIS

    def findings(self) -> Iterator[Finding]:
        """All findings, in the order of the chain."""
        missing_anchors = dict(self.anchors)
        for record in Record.objects.order_by("number").iterator(chunk_size=CHUNK):
            yield from self._findings_at(record)
            anchor = missing_anchors.pop(record.number, record.hash)
            if anchor != record.hash:
                yield Finding(
                    record.number,
                    record.time,
                    f"its hash is {record.hash}, and {anchor} was noted: the chain up to here was written anew",
                )
            self.count += 1
            if record.number > 0:
                self.last, self.last_hash = record.number, record.hash
        yield from self._findings_at_head()
        for number in sorted(missing_anchors):
            yield Finding(number, None, "it is missing, and its hash was noted")

    def _findings_at(self, record: Record) -> Iterator[Finding]:
        expected = self.last + 1
        in_place = record.number == expected
        if record.number < 1:
            yield Finding(record.number, record.time, "it was inserted: numbers begin with 1")
            return
        if not in_place:
            gap = (
                f"record {expected} is"
                if record.number == expected + 1
                else f"records {expected} to {record.number - 1} are"
            )
            yield Finding(record.number, record.time, f"{gap} missing before it")
        if record_sha256(record) != record.hash:
            place = _place_of(record)
            what = (
                f"it was moved here: by its hash it is record {place}"
                if place
                else "it was changed: its hash is not that of what it says"
            )
            yield Finding(record.number, record.time, what)
        elif in_place and record.previous != self.last_hash:
            yield Finding(
                record.number,
                record.time,
                f"it doesn't follow record {self.last}: one of the two was changed and its hash made anew, "
                "or was put there",
            )

    def _findings_at_head(self) -> Iterator[Finding]:
        # The last record is read before the head, so that what is sealed meanwhile is no finding.
        newest = Record.objects.order_by("-number").first()
        head = Head.objects.filter(pk=HEAD).first()
        if head is None:
            if newest:
                yield Finding(
                    newest.number, newest.time, "the chain's head, which should name it, is missing"
                )
            elif done := _kind_without_record():
                yield Finding(0, None, f"there is not a single record, although there is a {done}")
            return
        last = newest.number if newest else 0
        if head.number < last:
            yield Finding(
                last, newest.time if newest else None, f"it was added behind the chain's head, {head.number}"
            )
            return
        named = Record.objects.filter(number=head.number).first()
        if named is None:
            yield Finding(head.number, None, f"it is missing at the end, after record {last}")
        elif named.hash != head.hash:
            yield Finding(head.number, named.time, "its hash is not the one that the chain's head names")


def refused_lines(after: int = 0) -> Iterator[str]:
    """Sentences on the refused lines of the file of model changes, by their records after number `after`."""
    found = Record.objects.filter(
        action__in=(Action.MODEL_REFUSED, Action.MODEL_UNREADABLE), number__gt=after
    ).order_by("number")
    for record in found.iterator(chunk_size=CHUNK):
        kept = RefusedLine.objects.filter(sha256=record.after).first()
        said = (
            f"the line at byte {kept.offset} of the file of model changes: {kept.reason}. It says: {kept.line!r}"
            if kept
            else "a line of the file of model changes that is not kept any more"
        )
        yield f"record {record.number} of {record.time:%Y-%m-%d %H:%M:%S} UTC: {said}"


def _kind_without_record() -> str:
    """The kind of some document, which can't exist without a record; "" where there are no documents."""
    return next((known.kind for known in audited_kinds() if known.model._default_manager.exists()), "")


def _place_of(record: Record) -> int:
    """The number for which the record's hash is right; 0 if there is none near its place."""
    nearest = sorted(
        range(max(1, record.number - NEIGHBOURHOOD), record.number + NEIGHBOURHOOD),
        key=lambda number: abs(number - record.number),
    )
    return next((number for number in nearest if record_sha256(record, number) == record.hash), 0)
