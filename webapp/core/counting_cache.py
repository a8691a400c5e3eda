"""Counts that several processes keep together: failed sign-ins, requests per minute."""

from __future__ import annotations

import fcntl
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache

# More make it rarer that two counts wait for each other.
LOCKS = 64


def count_up(key: str, timeout_s: float) -> int:
    """Add one to the count under the key and return it; it is forgotten `timeout_s` after the last time.

    No count is lost to another process: Redis adds in one step, and so does the cache below.
    """
    if cache.add(key, 1, timeout_s):
        return 1
    try:
        count = int(cache.incr(key))
    except ValueError:  # it was forgotten between the two
        cache.add(key, 1, timeout_s)
        return 1
    cache.touch(key, timeout_s)
    return count


class CountingFileCache(FileBasedCache):
    """Django's cache in a folder, in which adding and counting are one step for all processes of the machine."""

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        """Store the value unless there is one; returns whether it did."""
        with self._locked(key):
            return bool(super().add(key, value, timeout, version))

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        """Add to a stored number, which is then kept for the default time; raises ValueError without one."""
        with self._locked(key):
            return int(super().incr(key, delta, version))

    @contextmanager
    def _locked(self, key: Any) -> Iterator[None]:
        self._createdir()  # type: ignore[attr-defined]  # the stubs leave out what is for subclasses
        # Keys share locks, as a lock file for each would outlive its key.
        number = zlib.crc32(str(key).encode()) % LOCKS
        folder = Path(self._dir)  # type: ignore[attr-defined]
        with (folder / f"{number}.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
