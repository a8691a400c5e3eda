"""Makes records of what `./retinote models` did. It runs without Django and writes a line for each change to a file.

A line is believed as far as the operating system vouches for it: the actor is the file's owner, whom only root can
forge. Refused are lines that name somebody else, all lines of a file that others may write to, and times that lie
before the sealed records or in the future. A refused line is kept as it is (`RefusedLine`) and has a record of its own,
which `audit verify` reports. Whether the owner wrote a line by hand can't be detected: a key to sign lines would have
to lie where the owner can read it.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import IntegrityError

from serving import changes
from webapp.audit.hashing import canonical_sha256
from webapp.audit.models import Action, Intake, Record, RefusedLine
from webapp.audit.recording import SYSTEM, Actor, record
from webapp.core import clock
from webapp.mongodb.transactions import all_or_nothing

log = logging.getLogger(__name__)

NAME = "model changes"
MOST_BYTES = 2**20
"""Read in one transaction."""
MOST_WITHDRAWN = 100
"""Versions that one rollback can withdraw."""
MOST_REASON = 500
"""Characters of the reason for promoting a version without a passed gate."""
MOST_KEPT = 4000
"""Characters of a refused line."""
ACTIONS = {
    action.value: action
    for action in Action
    if action.value.startswith("model.")
    and action not in (Action.MODEL_UNREADABLE, Action.MODEL_REFUSED, Action.MODEL_OVERRIDE)
}
LATE = timedelta(minutes=1)
"""A line's time may lie so much before the newest sealed record, or after now: others seal meanwhile, and clocks
differ."""
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
Listener = Callable[[Action, Mapping[str, Any], Actor], None]
_listeners: list[Listener] = []
_elsewhere: list[Callable[[], int]] = []


def listen(listener: Listener) -> None:
    """Call a function with the action, the line and the actor of each change that is believed.

    It is called in the transaction of the record, so that what follows from a change exists if its record does.
    """
    _listeners.append(listener)


def tell(action: Action, change: Mapping[str, Any], actor: Actor) -> None:
    """Call the listeners with a change that has just been recorded."""
    for listener in _listeners:
        listener(action, change, actor)


class Refused(Exception):
    """A line that is not believed; the message says why."""


@dataclass(frozen=True)
class _File:
    """What the operating system says of the file, and the newest time in the chain."""

    uid: int
    mode: int
    sealed: datetime | None

    def actor_of(self, change: dict[str, Any]) -> str:
        """The actor of a change: the file's owner. Raises Refused where the line or the file says otherwise."""
        if self.mode & WRITABLE_BY_OTHERS:
            raise Refused(f"others than its owner may write to the file (mode {self.mode:04o})")
        owner = changes.actor(self.uid)
        if change.get("uid") != self.uid:
            raise Refused(f"it isn't by the file's owner, user {self.uid}")
        if change["actor"] != owner and owner != f"operator:{self.uid}":
            raise Refused(f"it names another actor than the file's owner, {owner}")
        return owner

    def check_time(self, time: datetime) -> None:
        """Raise Refused for a time in the future, or before the sealed records."""
        if time > clock.now() + LATE:
            raise Refused("its time lies in the future")
        if self.sealed and time < self.sealed - LATE:
            raise Refused("its time lies before that of records that were sealed already")


def take_in() -> int:
    """Make records of the lines that are new; returns how many.

    A file that can't be read is no error here; `fault` reports it.
    """
    path = Path(settings.MODEL_CHANGES_FILE)
    taken = 0
    try:
        # All lines, before anything is sealed: the time of a line that waits would lie before the sealed records.
        while count := _take_in_some(path):
            taken += count
    except FileNotFoundError:
        pass
    except OSError as error:
        log.error("The file of model changes can't be read: %s.", error.strerror)
    return taken


def _take_in_some(path: Path) -> int:
    try:
        return all_or_nothing(lambda: _take_in(path))
    except IntegrityError:  # another process noted the very first offset
        return all_or_nothing(lambda: _take_in(path))


def also_from(source: Callable[[], int]) -> None:
    """Have `take_in_all` call a function that takes in what is noted elsewhere, and returns how much was new."""
    _elsewhere.append(source)


def take_in_all() -> int:
    """As `take_in`, and of what is noted elsewhere, as in a shared store: for what must not miss a change of just now."""
    return take_in() + sum(source() for source in _elsewhere)


def fault() -> str:
    """Why the file can't be read; "" where it can, and where there is no file."""
    try:
        with _opened(Path(settings.MODEL_CHANGES_FILE)):
            return ""
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"the file of model changes can't be read: {error.strerror}"


def _opened(path: Path) -> IO[bytes]:
    # No links, as the owner of their target proves nothing about the link, and no pipes, which would block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file")
    return open(descriptor, "rb")


def _take_in(path: Path) -> int:
    intake = Intake.objects.filter(pk=NAME).first() or Intake(name=NAME, offset=0)
    with _opened(path) as file:
        found = os.fstat(file.fileno())
        if found.st_size < intake.offset:
            log.warning("%s is shorter than it was; it is read from its beginning.", path.name)
            intake.offset = 0
            intake.save()
        file.seek(intake.offset)
        content = file.read(MOST_BYTES)
    # Only whole lines: the last one may not be written, or read, to its end. A line of MOST_BYTES is none of ours.
    whole = content[: content.rfind(b"\n") + 1]
    if not whole and len(content) == MOST_BYTES:
        whole = content
    lines = whole.splitlines(keepends=True)
    if not lines:
        return 0
    newest = Record.objects.order_by("-number").first()
    source = _File(found.st_uid, stat.S_IMODE(found.st_mode), newest.time if newest else None)
    for line in lines:
        _record(line.rstrip(b"\r\n"), source, intake.offset)
        # Two processes that do this at the same time write the same document: MongoDB refuses the second, which starts
        # again.
        intake.offset += len(line)
    intake.save()
    return len(lines)


def _record(line: bytes, source: _File, offset: int) -> None:
    try:
        change = json.loads(line)
        action = ACTIONS[change["action"]]
        time = datetime.fromisoformat(change["time"]).astimezone(UTC)
        facts = {
            "object_id": _text(change, "model", 128),
            "before": _text(change, "before", 64),
            "after": _text(change, "after", 64),
            "weights_sha256": _text(change, "weights_sha256", 64),
        }
        if action == Action.MODEL_GATE:
            facts |= {"before": "", "after": _text(change, "gate", 64)}
        _text({"override": "", **change}, "override", MOST_REASON)
        check_withdrawn(change.get("withdrawn", {}))
        actor = source.actor_of(change)
        source.check_time(time)
    except Refused as error:
        _keep(line, offset, Action.MODEL_REFUSED, str(error))
    except (ValueError, KeyError, TypeError, OverflowError):
        _keep(line, offset, Action.MODEL_UNREADABLE, "it can't be read")
    else:
        record(action, actor, "model", time=time, **facts)
        tell(action, change, actor)


def _keep(line: bytes, offset: int, action: Action, reason: str) -> None:
    """Keep a refused line, and write a record that has its hash."""
    log.error("The line at byte %d of the file of model changes was refused: %s.", offset, reason)
    text = line.decode("utf-8", "replace")
    digest = canonical_sha256(text)
    RefusedLine.objects.create(offset=offset, sha256=digest, reason=reason, line=text[:MOST_KEPT])
    record(action, SYSTEM, "model", after=digest, time=clock.now())


def check_withdrawn(withdrawn: object) -> None:
    """Raise ValueError for what is not a few weights by their version."""
    if not isinstance(withdrawn, dict) or len(withdrawn) > MOST_WITHDRAWN:
        raise ValueError("withdrawn")
    if any(
        not isinstance(weights, str) or len(weights) > 64 or len(name) > 80
        for name, weights in withdrawn.items()
    ):
        raise ValueError("withdrawn")


def _text(change: dict[str, Any], key: str, most: int) -> str:
    value = change[key]
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(key)
    return value
