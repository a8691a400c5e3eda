"""What other commands need to know of a running stack, in a file of its data folder."""

import os
import time
from dataclasses import asdict
from typing import Any

from operations.stack.folder import DataFolder, write_state
from operations.stack.service import Status


class State:
    """The state of this stack, in a file for the other commands."""

    def __init__(self, data: DataFolder, facts: dict[str, Any]) -> None:
        self._data = data
        self._facts = facts | {"pid": os.getpid(), "started": time.time(), "ready": False, "services": []}
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
