"""Counts that several processes keep together: failed sign-ins, requests per minute."""

from __future__ import annotations

import fcntl
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache

LOCKS = 64
"""More make it rarer that two counts wait for each other."""


def count_up(key: str, timeout_s: float) -> int:
    """Add one to the count under the key and return it; it is forgotten `timeout_s` after the last time.

    No count is lost to another process: Redis adds in one step, and so does the cache below.
    """
    in_one_step = getattr(cache, "count_up", None)
    if in_one_step is not None:
        return int(in_one_step(key, timeout_s))
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

    def count_up(self, key: Any, timeout_s: float) -> int:
        """Add one to the number under the key, 0 where there is none, and keep it `timeout_s` from now on.

        Each request is counted several times, so this reads and writes a file once. A file that is there is replaced
        without the look at all others that Django takes to see whether there are too many.
        """
        with self._locked(key):
            count = int(self.get(key, 0)) + 1
            if count == 1:
                self.set(key, count, timeout_s)
            else:
                self._replace(key, count, timeout_s)
        return count

    def _replace(self, key: Any, value: Any, timeout_s: float) -> None:
        path = Path(self._key_to_file(key))  # type: ignore[attr-defined]
        partial = path.with_suffix(f".{threading.get_ident()}.{os.getpid()}")
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            self._write_content(file, timeout_s, value)  # type: ignore[attr-defined]
        partial.replace(path)

    @contextmanager
    def _locked(self, key: Any) -> Iterator[None]:
        self._createdir()  # type: ignore[attr-defined]  # the stubs leave out what is for subclasses
        # Keys share locks, as a lock file for each would outlive its key.
        number = zlib.crc32(str(key).encode()) % LOCKS
        folder = Path(self._dir)  # type: ignore[attr-defined]
        with (folder / f"{number}.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
