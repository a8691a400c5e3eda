"""What apps above this one do when a scan was answered, read or corrected; each registers its listener here.

Listeners are called inside the transaction that stores the answer, verdict or correction: what they write exists if that does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from bson import ObjectId


class Outcome(Enum):
    """What came of a scan."""

    ANSWERED = "answered"
    """The model has answered it, for the first time or anew; of a volume all its B-scans, once nothing of it waits."""
    READ = "read"
    """A reader has given a verdict on it, or an adjudicator has settled it."""
    CORRECTED = "corrected"
    """Somebody has corrected what is said of it, such as its eye or patient; of a volume of all its B-scans."""


Listener = Callable[[Outcome, Sequence[ObjectId]], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call a function with every outcome and the keys of the scans."""
    _listeners.append(listener)


def tell(outcome: Outcome, scans: Sequence[ObjectId]) -> None:
    """Tell all listeners of an outcome."""
    for listener in _listeners:
        if scans:
            listener(outcome, scans)
