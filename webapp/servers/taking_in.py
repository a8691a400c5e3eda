"""Makes audit records of what `./retinote models` has decided in the shared store.

A note is believed as far as the store's keys are kept: whoever may write there may decide. Records get the time at which
they are taken in, as the chain's times never go back; the note's own time and host stand beside.
"""

from __future__ import annotations

import json
import logging

from django.db import IntegrityError

from serving.shared.errors import StoreError
from serving.shared.notes import NOTES
from webapp.audit.model_changes import ACTIONS, MOST_REASON, check_withdrawn, tell
from webapp.audit.models import Action, Intake
from webapp.audit.recording import SYSTEM, record
from webapp.mongodb.transactions import all_or_nothing
from webapp.servers.shared import decisions, intake_of, is_shared

log = logging.getLogger(__name__)

MOST_AT_ONCE = 200
LONGEST = {"actor": 80, "model": 128, "before": 64, "after": 64, "weights_sha256": 64, "time": 40, "host": 60}
OPERATOR = "operator:"


def take_in() -> int:
    """Record the notes that are new, oldest first, and delete them from the store; returns how many."""
    if not is_shared():
        return 0
    taken = 0
    try:
        objects = decisions().stores.objects
        for name in objects.names(NOTES)[:MOST_AT_ONCE]:
            stored = objects.read(name)
            if stored is None:  # another worker was faster
                continue
            taken += _take_in(name, stored.content)
            objects.delete(name)
    except StoreError as error:
        log.warning("Decisions in the model store wait to be recorded: %s", error)
    return taken


def _take_in(name: str, content: bytes) -> int:
    """Record a note, once: it may be here again if it could not be deleted."""
    key = intake_of(name)

    def write() -> int:
        if Intake.objects.filter(pk=key).exists():
            return 0
        Intake.objects.create(name=key, offset=1)
        _record(name, content)
        return 1

    try:
        return all_or_nothing(write)
    except IntegrityError:  # another worker records it
        return 0


def _record(name: str, content: bytes) -> None:
    try:
        note = json.loads(content)
        action = ACTIONS[note["action"]]
        texts = {field: _text(note, field, longest) for field, longest in LONGEST.items()}
        if not texts["actor"].startswith(OPERATOR):
            raise ValueError("actor")
        check_withdrawn(note.get("withdrawn", {}))
        _text({"override": "", **note}, "override", MOST_REASON)
    except (ValueError, KeyError, TypeError):
        log.error("The note %s in the model store can't be read.", name)
        record(Action.MODEL_UNREADABLE, SYSTEM, "model")
        return
    record(
        action,
        texts["actor"],
        "model",
        object_id=texts["model"],
        before=texts["before"],
        after=texts["after"],
        weights_sha256=texts["weights_sha256"],
        asked=f"on {texts['host']} at {texts['time']}",
    )
    tell(action, note, texts["actor"])


def _text(note: dict[str, object], field: str, longest: int) -> str:
    value = note[field]
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise ValueError(field)
    return value
