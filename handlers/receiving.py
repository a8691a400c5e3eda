"""How a worker takes in what TorchServe hands it: into one buffer, instead of a new one for every piece."""

from __future__ import annotations

import logging
import sys
from typing import Protocol

logger = logging.getLogger(__name__)


class Source(Protocol):
    """The part of a socket that is read."""

    def recv_into(self, buffer: memoryview) -> int:
        """Bytes that were written to the beginning of the buffer; none when the other end hung up."""


def received(source: Source, length: int) -> bytearray:
    """So many bytes; the worker ends when TorchServe hangs up before, as TorchServe's own reader has it."""
    taken = bytearray(length)
    left = memoryview(taken)
    while left:
        count = source.recv_into(left)
        if not count:
            logger.info("TorchServe hung up.")
            sys.exit(0)
        left = left[count:]
    return taken


def receive_at_once() -> None:
    """Let TorchServe's reader of messages use `received`.

    Its own asks for all that is left, in a new buffer, for each piece that comes in, and appends that: 30 MB take it
    22 ms of processor time instead of 5, in which the whole batch waits.
    """
    from ts.protocol import otf_message_handler

    otf_message_handler._retrieve_buffer = received
