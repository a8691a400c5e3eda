"""Associations that this side asks for, by pynetdicom, whose own loop then takes no answer away from who waits for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynetdicom import AE
    from pynetdicom.association import Association

LOOK_S = 0.05
"""How often it is seen whether the loop has ended, which then holds nowhere."""


def associate(entity: AE, host: str, port: int, *, ae_title: str, **options: Any) -> Association:
    """As `entity.associate`, with its arguments: an association whose answers reach who asked.

    It may have been refused: ask its `is_established`.
    """
    association = entity.associate(host, port, ae_title=ae_title, **options)
    association._reactor_checkpoint = Checkpoint(association)
    return association


class Checkpoint(threading.Event):
    """Where an association's loop holds while somebody sends a message and waits for the answer to it.

    Whoever sends closes the checkpoint, and asks whether the loop is there by a flag which the loop sets before the
    checkpoint and resets behind it (pynetdicom 3.0, `Association._is_paused`). Between the two the flag is true of a
    loop that has just gone through and looks for messages next: it takes the answer, drops it as "unexpected", and the
    sender waits until the association is cut. Here closing lasts until the loop holds.
    """

    def __init__(self, loop: threading.Thread) -> None:
        super().__init__()
        self._loop = loop
        self._changed = threading.Condition()
        self._is_open = True
        self._is_holding = False

    def is_set(self) -> bool:
        """Whether the loop may go on."""
        return self._is_open

    def set(self) -> None:
        """Let the loop go on."""
        with self._changed:
            self._is_open, self._is_holding = True, False
            self._changed.notify_all()

    def clear(self) -> None:
        """Let the loop go no further than here, and return when it is here, or has ended."""
        with self._changed:
            self._is_open = False
            while not self._is_holding and not self._is_open and self._is_another_alive():
                self._changed.wait(LOOK_S)

    def wait(self, timeout: float | None = None) -> bool:
        """Hold here until the checkpoint is open, or for so many seconds. Returns whether it is."""
        with self._changed:
            return self._changed.wait_for(self._may_go_on, timeout)

    def _may_go_on(self) -> bool:
        if not self._is_open:  # said again by a loop that is closed in before it could go on
            self._is_holding = True
            self._changed.notify_all()
        return self._is_open

    def _is_another_alive(self) -> bool:
        return self._loop is not threading.current_thread() and self._loop.is_alive()
