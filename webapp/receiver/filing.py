"""From segments to files and documents: each instance gets a file of its own, and its document."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from django.db import IntegrityError

from webapp.receiver import journal
from webapp.receiver.journal import Entry, Segment
from webapp.receiver.models import Arrival, Instance, keys_in
from webapp.scans import storage

MOST_TOGETHER, MOST_BYTES_TOGETHER = 200, 2**24
PATIENCE_S, POLL_S = 10.0, 0.02
AGAIN = ("received", "sha256", "size", "file_name", "sender")
"""What changes of a document when an instance whose file was lost comes again."""


class Busy(Exception):
    """Others are still filing."""


def file_arrived() -> int:
    """File all segments that nobody holds; returns how many. Raises OSError, DatabaseError, PyMongoError."""
    return sum(map(_file, journal.segments()))


def file_all() -> None:
    """File all segments, and wait for those that others file. Raises what `file_arrived` raises, and Busy."""
    ends = time.monotonic() + PATIENCE_S
    waiting = [path for path in journal.segments() if not _file(path)]
    while waiting := [place for path in waiting if (place := journal.place_of(path)) and not _file(place)]:
        if time.monotonic() > ends:
            raise Busy
        time.sleep(POLL_S)


def _file(path: Path) -> bool:
    with journal.taken(path) as segment:
        if segment is None:
            return False
        for together in _groups(segment):
            _file_group(together)
        segment.remove()
        return True


def _groups(segment: Segment) -> Iterator[list[tuple[Entry, bytes]]]:
    together: list[tuple[Entry, bytes]] = []
    size = 0
    for entry, content in segment.instances():
        together.append((entry, content))
        size += len(content)
        if len(together) >= MOST_TOGETHER or size >= MOST_BYTES_TOGETHER:
            yield together
            together, size = [], 0
    if together:
        yield together


def _file_group(together: Sequence[tuple[Entry, bytes]]) -> None:
    contents = {
        entry.key: (entry, content) for entry, content in reversed(together)
    }  # of two the first counts
    here = stored_of(contents)
    missing = [pair for key, pair in contents.items() if key not in here]
    writing = [storage.begin_to_save(content, storage.INSTANCE) for _, content in missing]
    try:
        for each in writing:
            each.wait()
    except OSError:
        for each in writing:
            each.discard()
        raise
    enter([(entry, file.name) for (entry, _), file in zip(missing, writing, strict=True)])


def stored_of(keys: Iterable[str]) -> set[str]:
    """Those of the keys whose instances are stored: they are at a place of a scan or volume, or their files are there."""
    found = list(
        Instance.objects.filter(key__in=list(keys)).values_list("key", "file_name", "is_read", "arrival_id")
    )
    arrivals = list({arrival for *_, is_read, arrival in found if is_read})
    orders = Arrival.objects.filter(key__in=arrivals, scan__isnull=False).values_list("order", flat=True)
    # Of an arrival that became one some may have been refused, such as those of another patient.
    became = set().union(*map(keys_in, orders))
    return {
        key
        for key, name, is_read, _ in found
        if (is_read and key in became) or (name and storage.exists(name))
    }


def enter(files: Sequence[tuple[Entry, str]]) -> None:
    """Make the documents of instances whose files are there under these names.

    Where no answer of the database comes, a document may be there nevertheless: the sweep removes the files that none names.
    """
    lost = set(
        Instance.objects.filter(key__in=[entry.key for entry, _ in files]).values_list("key", flat=True)
    )
    for entry, name in files:
        if entry.key in lost:
            again = {field: getattr(_document(entry, name), field) for field in AGAIN}
            Instance.objects.filter(key=entry.key).update(**again, is_read=False)
    new = [_document(entry, name) for entry, name in files if entry.key not in lost]
    try:
        Instance.objects.bulk_create(new)
    except IntegrityError:  # one came twice at the same moment, and those after it are not there
        for document in new:
            _create(document)


def _create(document: Instance) -> None:
    try:
        document.save(force_insert=True)
    except IntegrityError:
        if not Instance.objects.filter(key=document.key, file_name=document.file_name).exists():
            storage.delete(document.file_name)


def _document(entry: Entry, name: str) -> Instance:
    return Instance(
        key=entry.key,
        arrival_id=entry.arrival,
        clinic=entry.clinic,
        sop_class=entry.sop_class,
        sop_uid=entry.sop_uid,
        study_uid=entry.study_uid,
        series_uid=entry.series_uid,
        sender=entry.sender,
        received=datetime.fromtimestamp(entry.received, UTC),
        sha256=entry.sha256,
        size=entry.size,
        file_name=name,
        is_enface=entry.is_enface,
    )
