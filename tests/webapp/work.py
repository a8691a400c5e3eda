"""How much work something is, told without a clock."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True)
class Work:
    """How often functions were called, Python's and C's, and how much memory was held at most."""

    calls: int
    peak_bytes: int


def work_of(job: Callable[[], object]) -> Work:
    """Do it twice, counting calls and then memory. What is loaded or kept at a first time should be done before."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        job()
    finally:
        sys.setprofile(before)
    gc.collect()
    tracemalloc.start()
    try:
        job()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return Work(calls, peak)
