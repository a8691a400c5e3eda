"""Associations that this side asks for, by pynetdicom, whose own loop then takes no answer away from who waits for it.

Whoever sends a message closes a checkpoint, so that the association's loop doesn't look for messages meanwhile, and waits
until a flag says that the loop is there. In pynetdicom 3.0 (`Association._is_paused`) the flag is set before the
checkpoint and reset behind it, and by threads that serve the peer's requests. So it is true of a loop that has just gone
through and looks for messages next: that loop takes the answer, drops it as "unexpected", and the sender waits until the
association is cut. Or it is false of a loop that holds, and the sender waits for ever.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import Any

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE

LOOK_S = 0.05
"""How often it is seen whether the loop has ended, which then holds nowhere."""


def associate(entity: AE, host: str, port: int, *, ae_title: str, **options: Any) -> Association:
    """As `entity.associate`, with its arguments: an association whose answers reach who asked.

    It may have been refused: ask its `is_established`.
    """
    association = entity.associate(host, port, ae_title=ae_title, **options)
    if not association.is_established:
        _take_refusal(association)
    association._reactor_checkpoint = Checkpoint(association)
    association.__class__ = _Asking
    return association


def _take_refusal(association: Association) -> None:
    """Note the refusal that still waits to be taken by the association's thread, which has ended.

    After its request the thread looks whether it is connected (`ACSE._negotiate_as_requestor`). On a busy machine the
    refusal has come by then, and has closed the connection: pynetdicom aborts, and tells nobody that it was refused.
    """
    with suppress(queue.Empty):
        while True:
            answer: Any = association.dul.to_user_queue.get_nowait()
            if isinstance(answer, A_ASSOCIATE) and answer.result:
                association.acceptor.primitive = answer
                association.is_rejected, association.is_aborted = True, False


class Checkpoint(threading.Event):
    """Where an association's loop holds while somebody sends a message and waits for the answer to it."""

    def __init__(self, loop: threading.Thread) -> None:
        super().__init__()
        self._loop = loop
        self._changed = threading.Condition()
        self._is_open = True
        self._is_held = False

    def is_set(self) -> bool:
        """Whether the loop may go on."""
        return self._is_open

    def holds(self) -> bool:
        """Whether the loop is here, or has ended, or is who asks: it looks for no messages."""
        return self._is_held or self._loop is threading.current_thread() or not self._loop.is_alive()

    def set(self) -> None:
        """Let the loop go on."""
        with self._changed:
            self._is_open, self._is_held = True, False
            self._changed.notify_all()

    def clear(self) -> None:
        """Let the loop go no further than here, and return when it holds."""
        with self._changed:
            self._is_open = False
            while not self._is_open and not self.holds():
                self._changed.wait(LOOK_S)

    def wait(self, timeout: float | None = None) -> bool:
        """Hold here until the checkpoint is open, or for so many seconds. Returns whether it is."""
        with self._changed:
            return self._changed.wait_for(self._may_go_on, timeout)

    def _may_go_on(self) -> bool:
        if not self._is_open:  # said again by a loop that is closed in before it could go on
            self._is_held = True
            self._changed.notify_all()
        return self._is_open


class _Asking(Association):
    """An association that asks its checkpoint whether the loop holds."""

    @property
    def _is_paused(self) -> bool:
        assert isinstance(self._reactor_checkpoint, Checkpoint)
        return self._reactor_checkpoint.holds()

    @_is_paused.setter
    def _is_paused(self, noted: bool) -> None:
        """What pynetdicom notes is not gone by."""
