"""What other commands need to know of a running stack, or of the last one, in files of its data folder."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from operations.errors import OperationsError
from operations.stack.database import DATABASE_VARIABLE
from operations.stack.folder import DataFolder, running_state, write_private, write_state
from operations.stack.service import Status

MEDIA_VARIABLE = "RETINOTE_MEDIA"
"""The variable with the URL of the images in S3."""
WHERE = (DATABASE_VARIABLE, MEDIA_VARIABLE)
"""Variables that say where documents and images are; none of them holds a secret."""
ADDRESS_VARIABLE = "RETINOTE_MONGODB_URI"
"""The variable with the address of another MongoDB server than the folder's own; it may hold a password."""


class State:
    """The state of this stack, in a file for the other commands."""

    def __init__(self, data: DataFolder, facts: dict[str, Any]) -> None:
        self._data = data
        self._facts = facts | {
            "where": {name: os.environ.get(name, "") for name in WHERE},
            "pid": os.getpid(),
            "started": time.time(),
            "ready": False,
            "services": [],
        }
        self._write()

    def services_changed(self, statuses: list[Status]) -> None:
        """Record the statuses of all services."""
        self._facts["services"] = [asdict(status) for status in statuses]
        self._write()

    def became_ready(self) -> None:
        """Record that everything has been ready, and for the time after this stack where its data are."""
        self._facts["ready"] = True
        self._write()
        elsewhere = bool(os.environ.get(ADDRESS_VARIABLE))
        with suppress(OSError):
            note = {"where": self._facts["where"], "another_server": elsewhere}
            write_private(self._data.where, json.dumps(note) + "\n")

    def _write(self) -> None:
        with suppress(OSError):  # a full disk must not stop the stack
            write_state(self._data, self._facts)


def where_it_is(state: Mapping[str, Any], inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment in which documents and images are where the stack with this state has them.

    The shell of another command may lack the variables that the stack was started with.
    """
    return {**inherited, **state.get("where", {})}  # a stack of an earlier version has no such entry


def surroundings(data: DataFolder) -> Mapping[str, str]:
    """The same for the stack that runs on the folder; where none runs, for the last one.

    Beside a stopped stack, what this process's environment names comes first: a backup may be restored elsewhere.
    """
    try:
        return where_it_is(running_state(data))
    except OperationsError:
        noted = _note_of(data).get("where", {})
        return os.environ | {name: text for name, text in noted.items() if not os.environ.get(name)}


def was_on_another_server(data: DataFolder) -> bool:
    """Whether the last stack on the folder had its documents in another MongoDB server than the folder's own."""
    return bool(_note_of(data).get("another_server"))


def _note_of(data: DataFolder) -> dict[str, Any]:
    """What the last stack noted; empty if it was one of an earlier version, or none."""
    try:
        note = json.loads(data.where.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
