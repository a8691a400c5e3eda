"""Writing down what is done.

A record is written where the thing is done: in the same transaction, so that there is neither without the other;
of a look at something before it is shown. It is sealed into the chain later (sealing.py), because a chain has one
end only, and all who write would stand in line there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
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
"""Scans in one record; what is about more, as an export can be, has several."""

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
    """Write down that the actor did something with an object.

    The actor is a user, or a word for who isn't one. `before` and `after` are the object's documents, or hashes that
    are known already; `object_id` is theirs when it isn't given. What is about several scans names them in `scan_ids`,
    and what a list was narrowed by in `asked`.
    """
    scans = [str(scan) for scan in scan_ids]
    if not object_id:
        documents = [document for document in (after, before) if isinstance(document, models.Model)]
        object_id = documents[0].pk if documents else ""
    _note_told([*scans, str(scan_id)])
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
        "request_id": _request_id(),
    }
    if len(scans) <= MOST_SCANS:
        WaitingRecord.objects.create(scan_ids=scans, **facts)
        return
    parts = [scans[start : start + MOST_SCANS] for start in range(0, len(scans), MOST_SCANS)]
    WaitingRecord.objects.bulk_create(WaitingRecord(scan_ids=part, **facts) for part in parts)


@dataclass(frozen=True)
class Change:
    """What was done with one of several documents, of which each belongs to a scan, or is one."""

    scan_id: object
    before: models.Model | None = None
    after: models.Model | None = None
    weights_sha256: str = ""

    @property
    def document(self) -> models.Model:
        """The document as it is, or was."""
        document = self.after or self.before
        assert document is not None
        return document


def record_each(action: Action, actor: Actor, kind: str, changes: Iterable[Change]) -> None:
    """Write down that the actor did the same with several documents: a record of each, all in one step."""
    now = clock.now()
    made = [
        WaitingRecord(
            time=now,
            actor=actor if isinstance(actor, str) else str(actor.pk),
            actor_name="" if isinstance(actor, str) else str(getattr(actor, "username", "")),
            action=action,
            kind=kind,
            object_id=str(change.document.pk),
            scan_id=str(change.scan_id),
            before=_sha256(change.before),
            after=_sha256(change.after),
            hashing=HASHING,
            weights_sha256=change.weights_sha256,
            request_id=_request_id(),
        )
        for change in changes
    ]
    _note_told(each.scan_id for each in made)
    WaitingRecord.objects.bulk_create(made)


def acting() -> Actor:
    """Who acts, as far as it is known here: the signed-in user of the request, else `anonymous`.

    Without a request it is the operating system's user in what `by_operator` surrounds, else `system`.
    """
    request = request_id.current_request()
    if request is None:
        return _at_the_command_line.get() or SYSTEM
    return request_id.known_user(request) or ANONYMOUS


@contextmanager
def by_operator() -> Iterator[None]:
    """What is done meanwhile, in this thread, is recorded as done by the operating system's user who runs this process."""
    token = _at_the_command_line.set(operator(os.getuid()))
    try:
        yield
    finally:
        _at_the_command_line.reset(token)


@contextmanager
def told_of() -> Iterator[set[str]]:
    """The keys of the scans that records are written of meanwhile, in this thread."""
    told: set[str] = set()
    token = _told.set(told)
    try:
        yield told
    finally:
        _told.reset(token)


def _note_told(scans: Iterable[str]) -> None:
    told = _told.get()
    if told is not None:
        told.update(scans)


def _request_id() -> str:
    return "" if request_id.current() == request_id.NONE else request_id.current()


def _sha256(document: Document) -> str:
    return document_sha256(document) if isinstance(document, models.Model) else document or ""
