"""A note of the chain's head outside of the database.

Somebody with access to MongoDB can remove records from the end of the chain and set its head back. The note, a file in
the data folder, still says how far the chain had come. It only moves forward along the same chain: a chain that lacks
the noted record is not noted, so that verifying goes on reporting what is missing until an administrator accepts it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from pathlib import Path

from django.conf import settings

from webapp.audit.models import Head, Record

log = logging.getLogger(__name__)

WELL_FORMED = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})\n?")


def noted() -> tuple[int, str] | None:
    """The number and the hash that were noted last; None without a note. Raises ValueError when it can't be read."""
    path = Path(settings.AUDIT_HEAD_FILE)
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path} can't be read ({error.strerror})") from error
    found = WELL_FORMED.fullmatch(text)
    if not found:
        raise ValueError(f"{path} holds no NUMBER:HASH")
    return int(found[1]), found[2]


def note(head: Head, accept: bool = False) -> bool:
    """Note the head, unless the chain lacks what was noted before; `accept` notes it all the same.

    Returns whether it was noted; the log says why not.
    """
    path = Path(settings.AUDIT_HEAD_FILE)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Of two processes that seal, the later one here may have been the earlier one in the chain.
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not accept and not _is_ahead(head):
                return False
            partial = path.with_name(f"{path.name}.partial")
            partial.unlink(missing_ok=True)
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{head.number}:{head.hash}\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            os.close(lock)
    except OSError as error:
        log.warning("The audit head can't be noted in %s: %s", path, error.strerror)
        return False
    return True


def _is_ahead(head: Head) -> bool:
    """Whether the head is the noted one, or a later one of the same chain."""
    try:
        before = noted()
    except ValueError as error:
        log.error("The audit head was not noted: %s.", error)
        return False
    if before is None:
        return True
    number, hash = before
    if number > 0 and not Record.objects.filter(number=number, hash=hash).exists():
        log.error("The audit chain lacks record %d, which was its head; the note of it is kept.", number)
        return False
    return number <= head.number
