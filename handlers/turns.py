"""When the model server decodes a large picture: when nobody else waits for it.

A worker answers one batch after the other. A picture of forty megapixels keeps it for a second or two;
whoever shares its batch, or comes after it, would wait as long. So large pictures are answered alone, and where others
ask meanwhile, they get a small share of the worker's time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from imaging.isolated import OWN_BYTES
from imaging.decoding import Examined

LARGE_BYTES = 16 * 10**6
"""Of memory for decoding: two megapixels of colour, which take some 30 ms."""
SHARE = 0.04
"""Of a worker's time that large pictures get while others ask: fewer than one answer in twenty waits for one."""


def is_large(examined: Examined) -> bool:
    """Whether decoding the file takes so long that neighbours would notice."""
    own = OWN_BYTES if examined.is_isolated else 0
    return examined.memory_bytes - own > LARGE_BYTES


class Turns:
    """Says whether a large picture may go now; knows nothing of other workers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at = 0.0
        self._others_asked = False

    def may_go(self) -> bool:
        """Whether a large picture that is alone in its batch may be answered."""
        return not self._others_asked or self._clock() >= self._next_at

    def gone(self, took_s: float) -> None:
        """Note that a large picture was answered, and how long it kept the worker."""
        self._next_at = self._clock() + took_s * (1 / SHARE - 1)
        self._others_asked = False

    def others(self) -> None:
        """Note that small pictures were asked for."""
        self._others_asked = True
