"""Writes the audit's records.

A record is written where the thing is done, in the same transaction, so that neither exists without the other. The
record of a look is written before the answer is sent. Records are sealed into the chain later (sealing.py): a chain has
one end, at which all writers would have to queue.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.db import models

from serving.changes import actor as operator
from webapp.audit.hashing import HASHING, document_sha256
from webapp.audit.models import Action, WaitingRecord
from webapp.core import clock, request_id

SYSTEM = "system"
ANONYMOUS = "anonymous"
Actor = models.Model | str
Document = models.Model | str | None
MOST_SCANS = 1000
"""Scans in one record. What is about more, such as an export, has several records."""

_told: ContextVar[set[str] | None] = ContextVar("told", default=None)
_at_the_command_line: ContextVar[str] = ContextVar("at_the_command_line", default="")


def record(
    action: Action,
    actor: Actor,
    kind: str,
    *,
    object_id: object = "",
    scan_id: object = "",
    scan_ids: Iterable[object] = (),
    asked: str = "",
    before: Document = None,
    after: Document = None,
    weights_sha256: str = "",
    time: datetime | None = None,
) -> None:
    """Record that the actor did something with an object.

    The actor is a user, or a word such as SYSTEM for what is no user. `before` and `after` are the object's documents,
    or their hashes; without `object_id`, the id is theirs. `scan_ids` are the scans of a list, and `asked` says how it
    was narrowed.
    """
    scans = [str(scan) for scan in scan_ids]
    told = _told.get()
    if told is not None:
        told.update(scans, [str(scan_id)])
    if not object_id:
        documents = [document for document in (after, before) if isinstance(document, models.Model)]
        object_id = documents[0].pk if documents else ""
    facts = {
        "time": time or clock.now(),
        "actor": actor if isinstance(actor, str) else str(actor.pk),
        "actor_name": "" if isinstance(actor, str) else str(getattr(actor, "username", "")),
        "action": action,
        "kind": kind,
        "object_id": str(object_id),
        "scan_id": str(scan_id),
        "asked": asked,
        "before": _sha256(before),
        "after": _sha256(after),
        "hashing": HASHING,
        "weights_sha256": weights_sha256,
        "request_id": "" if request_id.current() == request_id.NONE else request_id.current(),
    }
    if len(scans) <= MOST_SCANS:
        WaitingRecord.objects.create(scan_ids=scans, **facts)
        return
    parts = [scans[start : start + MOST_SCANS] for start in range(0, len(scans), MOST_SCANS)]
    WaitingRecord.objects.bulk_create(WaitingRecord(scan_ids=part, **facts) for part in parts)


def acting() -> Actor:
    """The actor of what is done now: the signed-in user of the request, else `anonymous`.

    Without a request, it is the operating system's user inside of `by_operator`, else `system`.
    """
    request = request_id.current_request()
    if request is None:
        return _at_the_command_line.get() or SYSTEM
    return request_id.known_user(request) or ANONYMOUS


@contextmanager
def by_operator() -> Iterator[None]:
    """Record what is done inside, in this thread, as done by the operating system's user of this process."""
    token = _at_the_command_line.set(operator(os.getuid()))
    try:
        yield
    finally:
        _at_the_command_line.reset(token)


@contextmanager
def scans_recorded() -> Iterator[set[str]]:
    """The keys of the scans that records are written about inside, in this thread."""
    told: set[str] = set()
    token = _told.set(told)
    try:
        yield told
    finally:
        _told.reset(token)


def _sha256(document: Document) -> str:
    return document_sha256(document) if isinstance(document, models.Model) else document or ""
