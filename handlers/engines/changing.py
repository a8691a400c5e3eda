"""Answers with an engine that is there at once while a faster one is made, and changes over between two batches."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable

import torch

from handlers.engines.engine import Engine, Forward

logger = logging.getLogger(__name__)

NICENESS = 10
"""Of the thread that makes the engine, and of the threads it starts: what is asked meanwhile goes first."""


class ChangingEngine:
    """Runs `present` until `make`, called in a thread of low priority, has made a better engine.

    `make` returns an engine that has shown that it is right and is warm, or None if there is none; it raises nothing.
    `changed` is called afterwards in either case. A batch is run by one engine from its beginning to its end, and no
    call waits for the change.
    """

    def __init__(
        self, present: Engine, coming: str, make: Callable[[], Engine | None], changed: Callable[[], None]
    ) -> None:
        self._engine = present
        self._coming: str | None = coming
        self._make = make
        self._changed = changed
        self._thread = threading.Thread(target=self._change_over, name="change-over", daemon=True)

    def start(self) -> None:
        """Begin to make the better engine."""
        self._thread.start()

    @property
    def description(self) -> str:
        """That of the engine that answers now."""
        return self._engine.description

    @property
    def coming(self) -> str | None:
        """The engine that is being made; None once that has ended."""
        return self._coming

    def __call__(self, pixels: torch.Tensor) -> Forward:
        engine = self._engine  # read once: another may be there before this call ends
        return engine(pixels)

    def _change_over(self) -> None:
        thread = threading.get_native_id()  # Linux gives each thread a priority of its own
        with contextlib.suppress(OSError):
            # Nobody may be less nice than before.
            niceness = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, niceness)
        better = self._make()
        before = self.description
        if better is not None:
            self._engine = better  # the one before is freed when its last batch ends
            logger.info("engine %s has taken over from %s", better.description, before)
        else:
            logger.warning("engine %s goes on answering, as no other could be made", before)
        self._coming = None
        self._changed()


def coming(engine: Engine) -> str | None:
    """The engine that will take the place of this one; None if it stays."""
    return engine.coming if isinstance(engine, ChangingEngine) else None
