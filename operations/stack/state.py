"""What other commands need to know of a running stack, in a file of its data folder."""

import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from operations.errors import OperationsError
from operations.stack.database import DATABASE_VARIABLE
from operations.stack.folder import DataFolder, running_state, write_state
from operations.stack.service import Status

MEDIA_VARIABLE = "RETINOTE_MEDIA"
"""The variable with the URL of the images in S3."""
WHERE = (DATABASE_VARIABLE, MEDIA_VARIABLE)
"""Variables that say where documents and images are; none of them holds a secret."""


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
        """Record that everything has been ready."""
        self._facts["ready"] = True
        self._write()

    def _write(self) -> None:
        try:
            write_state(self._data, self._facts)
        except OSError:
            pass  # a full disk must not stop the stack


def where_it_is(state: Mapping[str, Any], inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment in which documents and images are where the stack with this state has them.

    The shell of another command may lack the variables that the stack was started with.
    """
    return {**inherited, **state.get("where", {})}  # a stack of an earlier version has no such entry


def surroundings(data: DataFolder) -> Mapping[str, str]:
    """The same for the stack that runs on the folder; where none runs, this process's environment."""
    try:
        return where_it_is(running_state(data))
    except OperationsError:
        return os.environ
