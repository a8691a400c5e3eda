"""Seals waiting records into the chain, in order and each once, whoever else seals at the same time."""

from __future__ import annotations

import logging

from django.db import IntegrityError, models

from webapp.audit import head_note
from webapp.audit.hashing import FACTS, GENESIS, record_sha256
from webapp.audit.model_changes import take_in
from webapp.audit.models import Action, Head, Record, WaitingRecord
from webapp.mongodb.transactions import all_or_nothing

log = logging.getLogger(__name__)

BATCH = 500
HEAD = "head"


def seal() -> int:
    """Seal the waiting records, oldest first; returns how many waited.

    Logs the head: whoever keeps the log elsewhere can show later that the chain up to there is still the same.
    """
    take_in()
    sealed = 0
    while count := _seal_batch():
        sealed += count
    if sealed:
        last = head()
        log.info("audit head %d %s", last.number, last.hash)
        head_note.note(last)
    return sealed


def head() -> Head:
    """The head of the chain: the number and hash of the last sealed record; number 0 while there is none."""
    found = Head.objects.filter(pk=HEAD).first()
    if found:
        return found
    # Somebody has removed the head. New records still follow the last one; `audit verify` reports the head as missing.
    last = Record.objects.order_by("-number").first()
    if last:
        log.error("The audit chain's head is missing; its last record is number %d.", last.number)
    return Head(name=HEAD, number=last.number if last else 0, hash=last.hash if last else GENESIS)


def _merge_thumbnails(waiting: list[WaitingRecord]) -> list[WaitingRecord]:
    """The records with one for all thumbnails that somebody has scrolled through, in place of one for each."""
    kept: list[WaitingRecord] = []
    first: dict[tuple[str, str], WaitingRecord] = {}
    for entry in waiting:
        if entry.action != Action.SCAN_THUMBNAIL:
            kept.append(entry)
            continue
        gathering = first.setdefault((entry.actor, entry.actor_name), entry)
        if gathering is entry:
            entry.scan_ids, entry.scan_id, entry.object_id = [entry.scan_id], "", ""
            kept.append(entry)
        elif entry.scan_id not in gathering.scan_ids:
            gathering.scan_ids.append(entry.scan_id)
    return kept


def _seal_batch() -> int:
    try:
        return all_or_nothing(_seal_some)
    except IntegrityError:  # another process wrote the very first head
        return all_or_nothing(_seal_some)


def _seal_some() -> int:
    # By the key, which begins with the time in seconds and needs no further index.
    found = WaitingRecord.objects.order_by("pk")[:BATCH]
    waiting = sorted(found, key=lambda entry: (entry.time, entry.pk))
    if not waiting:
        return 0
    last = head()
    number, previous = last.number, last.hash
    records = []
    for entry in _merge_thumbnails(waiting):
        number += 1
        facts = {name: getattr(entry, name) for name in FACTS}
        record = Record(number=number, previous=previous, **facts)
        record.hash = previous = record_sha256(record)
        records.append(record)
    # The head first: of two processes that seal at the same time MongoDB refuses the second here, which starts again.
    if last._state.adding:
        Head.objects.create(name=HEAD, number=number, hash=previous)
    else:
        Head.objects.filter(pk=HEAD).update(number=number, hash=previous)
    Record.objects.bulk_create(records)
    # The one place that removes a waiting record: it is in the chain now.
    models.QuerySet(WaitingRecord).filter(pk__in=[entry.pk for entry in waiting]).delete()
    return len(waiting)
