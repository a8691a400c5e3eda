"""Writing down what is done.

A record is written where the thing is done: in the same transaction, so that there is neither without the other;
of a look at something before it is shown. It is sealed into the chain later (sealing.py), because a chain has one
end only, and all who write would stand in line there.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models

from webapp import clock
from webapp.api import request_id
from webapp.audit.hashing import document_sha256
from webapp.audit.models import Action, WaitingRecord

SYSTEM = "system"
ANONYMOUS = "anonymous"
Document = models.Model | str | None


def record(
    action: Action,
    actor: models.Model | str,
    kind: str,
    *,
    object_id: object = "",
    scan_id: object = "",
    before: Document = None,
    after: Document = None,
    weights_sha256: str = "",
    time: datetime | None = None,
) -> None:
    """Write down that the actor did something with an object.

    The actor is a user, or a word for who isn't one. `before` and `after` are the object's documents, or hashes that
    are known already; `object_id` is theirs when it isn't given.
    """
    if not object_id:
        documents = [document for document in (after, before) if isinstance(document, models.Model)]
        object_id = documents[0].pk if documents else ""
    WaitingRecord.objects.create(
        time=time or clock.now(),
        actor=actor if isinstance(actor, str) else str(actor.pk),
        action=action,
        kind=kind,
        object_id=str(object_id),
        scan_id=str(scan_id),
        before=_sha256(before),
        after=_sha256(after),
        weights_sha256=weights_sha256,
        request_id="" if request_id.current() == request_id.NONE else request_id.current(),
    )


def acting() -> str:
    """Who acts, as far as it is known here: the signed-in user of the request, else `anonymous`; without one `system`."""
    request = request_id.current_request()
    if request is None:
        return SYSTEM
    return request_id.user_id(request) or ANONYMOUS


def _sha256(document: Document) -> str:
    return document_sha256(document) if isinstance(document, models.Model) else document or ""
