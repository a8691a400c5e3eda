"""What a stack says while it runs: on the terminal and in its log."""

import time
from pathlib import Path
from typing import TextIO


class Announcer:
    """Prints lines on the terminal and appends them to the stack's log."""

    def __init__(self, terminal: TextIO, log: Path) -> None:
        self._terminal = terminal
        self._log = log

    def __call__(self, line: str) -> None:
        self.terminal_only(line)
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}\n")
        except OSError:
            pass  # a full disk must not stop the stack

    def terminal_only(self, line: str) -> None:
        """Print a line that must not be in the log, such as a password."""
        try:
            print(line, file=self._terminal, flush=True)
        except (OSError, ValueError):
            pass  # the terminal is closed
