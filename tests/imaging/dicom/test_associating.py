"""Associations that we ask for: an answer always reaches who waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.sop_class import Verification

from imaging.dicom.associating import Checkpoint, associate

LINGERS_S = 0.05
"""As long as the loop of a busy machine may stand still behind the checkpoint; pynetdicom asks again after 0.01 s."""


@pytest.fixture
def peer() -> Iterator[int]:
    """The port of a peer that answers C-ECHO."""
    entity = AE(ae_title="PEER")
    entity.add_supported_context(Verification)
    server = entity.start_server(("127.0.0.1", 0), block=False)
    yield server.socket.getsockname()[1]
    server.shutdown()


def asking() -> AE:
    """Who asks, and soon gives up."""
    entity = AE(ae_title="ASKS")
    entity.add_requested_context(Verification)
    entity.dimse_timeout = 2
    return entity


def test_an_answer_is_not_taken_by_a_loop_that_has_just_passed(
    peer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait, take = Checkpoint.wait, DIMSEServiceProvider.get_msg
    passed = threading.Event()

    def pass_slowly(self: Checkpoint, timeout: float | None = None) -> bool:
        is_open = wait(self, timeout)
        passed.set()
        time.sleep(LINGERS_S)  # the fault of a busy machine, made certain
        return is_open

    def wait_late(self: DIMSEServiceProvider, block: bool = False) -> Any:
        time.sleep(2 * LINGERS_S if block else 0)
        return take(self, block)

    monkeypatch.setattr(Checkpoint, "wait", pass_slowly)
    monkeypatch.setattr(DIMSEServiceProvider, "get_msg", wait_late)
    association = associate(asking(), "127.0.0.1", peer, ae_title="PEER")
    assert association.is_established
    try:
        for _ in range(3):
            passed.clear()
            assert passed.wait(20)
            assert association.send_c_echo().get("Status") == 0
    finally:
        association.release()
    assert association.is_released


def test_closing_lasts_until_the_loop_holds() -> None:
    passed, look, done = threading.Event(), threading.Event(), threading.Event()
    order: list[str] = []

    def go_round() -> None:
        checkpoint.wait()
        passed.set()
        look.wait()
        order.append("looked")
        checkpoint.wait()
        order.append("went on")

    def close() -> None:
        checkpoint.clear()
        order.append("closed")
        done.set()

    loop = threading.Thread(target=go_round)
    checkpoint = Checkpoint(loop)
    loop.start()
    passed.wait()
    threading.Thread(target=close).start()
    assert not done.wait(2 * LINGERS_S)
    look.set()
    assert done.wait(20) and not checkpoint.is_set()
    checkpoint.set()
    loop.join()
    assert order == ["looked", "closed", "went on"]


def test_a_loop_holds_whatever_is_noted_of_it(peer: int) -> None:
    association = associate(asking(), "127.0.0.1", peer, ae_title="PEER")
    association._reactor_checkpoint.clear()
    association._is_paused = False  # as a thread does that has served a request of the peer
    association.release()
    assert association.is_released


def test_a_loop_that_has_ended_holds_up_nobody(peer: int) -> None:
    association = associate(asking(), "127.0.0.1", peer, ae_title="PEER")
    association.abort()
    association.join()
    association._reactor_checkpoint.clear()
    with pytest.raises(RuntimeError, match="association"):
        association.send_c_echo()


def test_what_can_not_be_reached_is_not_established() -> None:
    entity: Any = asking()
    entity.connection_timeout = 1
    assert not associate(entity, "127.0.0.1", 1, ae_title="PEER").is_established
