"""Compares documents with their last records, to find what somebody has changed in MongoDB itself.

There are two walks, each in pieces of CHUNK, so that memory does not grow with what is stored: along the documents, for
those that differ from their last record or have none; and along the records, for documents that are gone without one.
Fields that change without a record because they follow from other documents (`audited(apart=…)`) are compared with
those by checks that the apps add.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from bson import ObjectId
from django.db import models
from django.db.models import Q

from webapp.audit.hashing import HASHING, Audited, audited_kinds, document_sha256
from webapp.audit.models import Action, Record, WaitingRecord
from webapp.audit.sealing import seal

CHUNK = 500
# Somebody may change a document between the reading of it and of its record, but rarely three times in a row.
TRIES = 3
TELLS_DOCUMENT = Q(before__gt="") | Q(after__gt="")

Check = Callable[[Sequence[Any]], Iterator[tuple[Any, str]]]
Progress = Callable[[str, int, int], None]
_checks: dict[str, list[Check]] = defaultdict(list)


def check_of(kind: str) -> Callable[[Check], Check]:
    """Decorator of a check, which takes documents of a kind and yields those that don't follow from others, and why."""

    def enter(check: Check) -> Check:
        _checks[kind].append(check)
        return check

    return enter


@dataclass(frozen=True)
class Difference:
    """A document that differs from its records; `what` says how."""

    kind: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.what}"


@dataclass(frozen=True)
class _LastRecord:
    """The newest record with a document's hash; without `after` the document was deleted then."""

    number: int
    time: datetime
    after: str
    hashing: int | None

    def __str__(self) -> str:
        return f"record {self.number} of {self.time:%Y-%m-%d %H:%M:%S} UTC"


class Comparison:
    """One comparison. `compared`, `incomparable` and `unrecorded` are the numbers of documents, once it is over.

    Incomparable are documents whose last record has another version of hashing, unrecorded those from before the first
    record: neither can be called changed. `progress` is called with a kind, the documents done, and the total.
    """

    def __init__(self, progress: Progress = lambda kind, done, all: None) -> None:
        self._progress = progress
        self.compared = self.incomparable = self.unrecorded = 0
        first = Record.objects.order_by("number").first()
        self._began = first.time if first else None

    def differences(self) -> Iterator[Difference]:
        """All differences, by kind and by key, with missing documents last."""
        for known in audited_kinds():
            total, done = known.model._default_manager.count(), 0
            for documents in _in_pieces(known.model):
                yield from self._differences_of(known, documents)
                done += len(documents)
                self._progress(known.kind, done, max(total, done))
        yield from self._missing()

    def _differences_of(self, known: Audited, documents: Sequence[models.Model]) -> Iterator[Difference]:
        last = _last_records(known.kind, [str(document.pk) for document in documents])
        comparable = []
        for document in documents:
            recorded = last.get(str(document.pk))
            if recorded is None and self._is_older(document):
                self.unrecorded += 1
            elif recorded and recorded.after and recorded.hashing != HASHING:
                self.incomparable += 1
            else:
                self.compared += 1
                comparable.append(document)
                if _fault(document, recorded):
                    yield from self._look_again(
                        known, document.pk, lambda fresh: _fault(fresh, _last_record(known, fresh))
                    )
        for check in _checks[known.kind]:
            for document, _ in check(comparable):
                yield from self._look_again(known, document.pk, partial(_first, check))

    def _is_older(self, document: models.Model) -> bool:
        key = document.pk
        return isinstance(key, ObjectId) and (self._began is None or key.generation_time < self._began)

    def _look_again(self, known: Audited, key: Any, fault: Callable[[Any], str]) -> Iterator[Difference]:
        """Check again: somebody may just have changed the document in the regular way."""
        what = ""
        for _ in range(TRIES):
            seal()
            fresh = known.model._default_manager.filter(pk=key).first()
            what = fault(fresh) if fresh else ""
            if not what:
                return
        yield Difference(known.kind, str(key), what)

    def _missing(self) -> Iterator[Difference]:
        kinds = {known.kind: known for known in audited_kinds()}
        told = Record.objects.filter(TELLS_DOCUMENT, kind__in=list(kinds), after__gt="").order_by("number")
        total, done = told.count(), 0
        number = 0
        while records := list(told.filter(number__gt=number)[:CHUNK]):
            number = records[-1].number
            for kind, known in kinds.items():
                yield from _missing_of(known, [record for record in records if record.kind == kind])
            done += len(records)
            self._progress("records", done, max(total, done))


def is_as_recorded(document: models.Model) -> bool:
    """Whether a document is as its last record has it, sealed or not, or is older than all records."""
    known = next(entry for entry in audited_kinds() if type(document) is entry.model)
    waiting = WaitingRecord.objects.filter(TELLS_DOCUMENT, kind=known.kind, object_id=str(document.pk))
    newest = waiting.order_by("-pk").first()
    if newest is not None:
        return bool(newest.after == document_sha256(document))
    last = _last_record(known, document)
    return not _fault(document, last) if last else Comparison()._is_older(document)


def _in_pieces(model: type[models.Model]) -> Iterator[list[models.Model]]:
    found = model._default_manager.order_by("pk")
    documents = list(found[:CHUNK])
    while documents:
        yield documents
        documents = list(found.filter(pk__gt=documents[-1].pk)[:CHUNK])


def _last_records(kind: str, keys: Sequence[str]) -> dict[str, _LastRecord]:
    """The last record with the hash of each document, by the document's key."""
    told = Record.objects.filter(TELLS_DOCUMENT, kind=kind, object_id__in=list(keys)).order_by("number")
    rows = told.values_list("object_id", "number", "time", "after", "hashing")
    return {key: _LastRecord(*rest) for key, *rest in rows.iterator(chunk_size=CHUNK)}


def _last_record(known: Audited, document: models.Model) -> _LastRecord | None:
    return _last_records(known.kind, [str(document.pk)]).get(str(document.pk))


def _fault(document: models.Model, last: _LastRecord | None) -> str:
    """How a document differs from its last record; "" where it does not."""
    if last is None:
        return "no record tells where it came from"
    if not last.after:
        return f"it is there, and by {last} it was deleted"
    if last.hashing == HASHING and document_sha256(document) != last.after:
        return f"it is not what it was by {last}"
    return ""


def _first(check: Check, document: models.Model) -> str:
    return next((what for _, what in check([document])), "")


def _missing_of(known: Audited, records: Sequence[Record]) -> Iterator[Difference]:
    """The documents of these records that are missing, although neither they nor their scans were deleted."""
    keys = {record.object_id for record in records if ObjectId.is_valid(record.object_id)}
    there = known.model._default_manager.filter(pk__in=[ObjectId(key) for key in keys])
    missing = keys - {str(key) for key in there.values_list("pk", flat=True)}
    if not missing:
        return
    last = _last_records(known.kind, sorted(missing))
    scans = {record.scan_id for record in records if record.object_id in missing and record.scan_id}
    deleted = set(
        Record.objects.filter(action=Action.SCAN_DELETE, object_id__in=sorted(scans)).values_list(
            "object_id", flat=True
        )
    )
    for record in records:
        newest = last.get(record.object_id)
        # Only at its last record: each of its records would report it otherwise.
        if newest and newest.number == record.number and record.scan_id not in deleted:
            yield Difference(known.kind, record.object_id, f"it is missing, and was there by {newest}")
