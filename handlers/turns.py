"""Large pictures take turns, so that others need not wait for them.

A worker answers one batch after the other. A picture of forty megapixels takes it a second or two; all others in its
batch, or behind it, would wait as long. So large pictures are answered alone and, while small ones are asked for, get
a small share of the worker's time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from imaging.decoding import Examined
from imaging.isolated import OWN_BYTES

LARGE_BYTES = 16 * 10**6
"""Memory for decoding from which a picture counts as large: two megapixels of colour, which take some 30 ms."""
SHARE = 0.04
"""Share of a worker's time for large pictures while small ones are asked for. Fewer than one answer in twenty then
waits for a large picture."""


def is_large(examined: Examined) -> bool:
    """Whether decoding the file takes so long that other requests of the batch would notice."""
    own = OWN_BYTES if examined.is_isolated else 0
    return examined.memory_bytes - own > LARGE_BYTES


class Turns:
    """Says whether a worker may answer a large picture now. It knows nothing of other workers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at = 0.0
        self._small_asked = False

    def may_answer_large(self) -> bool:
        """Whether a large picture that is alone in its batch may be answered now."""
        return not self._small_asked or self._clock() >= self._next_at

    def note_large(self, took_s: float) -> None:
        """Note that a large picture was answered, which took `took_s` seconds."""
        self._next_at = self._clock() + took_s * (1 / SHARE - 1)
        self._small_asked = False

    def note_small(self) -> None:
        """Note that small pictures were asked for."""
        self._small_asked = True

    def note_nobody(self) -> None:
        """Note that nobody asks for small pictures any more."""
        self._small_asked = False
