"""Takes in what `./retinote models` did: it runs without Django and leaves a line for each change in a file."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from webapp import clock
from webapp.audit.hashing import canonical_sha256
from webapp.audit.models import Action, Intake
from webapp.audit.recording import SYSTEM, record
from webapp.transactions import all_or_nothing

log = logging.getLogger(__name__)

NAME = "model changes"
MOST_BYTES = 2**20
ACTIONS = {action.value: action for action in Action if action.value.startswith("model.")}


def take_in() -> int:
    """Make records of the lines that were not taken in before; returns how many."""
    path = Path(settings.MODEL_CHANGES_FILE)
    if not path.is_file():
        return 0
    try:
        return all_or_nothing(lambda: _take_in(path))
    except IntegrityError:  # another process noted the very first offset
        return all_or_nothing(lambda: _take_in(path))


def _take_in(path: Path) -> int:
    intake = Intake.objects.filter(pk=NAME).first() or Intake(name=NAME, offset=0)
    if path.stat().st_size < intake.offset:
        log.warning("%s is shorter than it was; it is read from its beginning.", path.name)
        intake.offset = 0
    with path.open("rb") as file:
        file.seek(intake.offset)
        content = file.read(MOST_BYTES)
    # A line that is being written has no end yet; no line of ours is as long as all that is read.
    whole = content if len(content) == MOST_BYTES else content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines()
    if not lines:
        return 0
    for line in lines:
        _record(line)
    # Two who take in at the same time write the same document: MongoDB refuses the second, which starts anew.
    intake.offset += len(whole)
    intake.save()
    return len(lines)


def _record(line: bytes) -> None:
    try:
        change = json.loads(line)
        action = ACTIONS[change["action"]]
        time = datetime.fromisoformat(change["time"])
        record(
            action,
            _text(change, "actor", 80),
            "model",
            object_id=_text(change, "model", 128),
            before=_text(change, "before", 64),
            after=_text(change, "after", 64),
            weights_sha256=_text(change, "weights_sha256", 64),
            time=time,
        )
    except (ValueError, KeyError, TypeError):
        log.error("A line of the file of model changes can't be read; its hash is recorded.")
        unreadable = canonical_sha256(line.decode("utf-8", "replace"))
        record(Action.MODEL_UNREADABLE, SYSTEM, "model", after=unreadable, time=clock.now())


def _text(change: dict[str, Any], key: str, most: int) -> str:
    value = change[key]
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(key)
    return value
