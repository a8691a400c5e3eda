"""The cache of reduced scans stays within the room that its file system has, and keeps nothing of killed processes."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from training.cache import cached_pixels
from training.data.manifest import Scan

SIDE = 64
BYTES = SIDE**2
"""Of one grey scan in the cache, without the file's head."""
Another = Callable[[], set[str]]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def another(tmp_path: Path, cache: Path) -> Another:
    """Caches a scan that was not cached before; returns the names of all files then."""
    count = 0

    def cached() -> set[str]:
        nonlocal count
        count += 1
        path = tmp_path / f"{count}.png"
        cv2.imwrite(str(path), np.full((SIDE, SIDE), count, np.uint8))
        before = names(cache)
        pixels = cached_pixels([Scan(path=path, label="NORMAL", source="made-up")], SIDE, cache)
        assert pixels[0, 0, 0, 0] == count
        for name in names(cache) - before:
            os.utime(cache / name, (count, count))  # one after the other, whatever the clock's steps are
        return names(cache)

    return cached


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_files_take_half_of_a_small_file_system(
    another: Another, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the trainer's in a container, where a folder in memory has a few gigabytes."""
    whole = 10 * BYTES

    def usage(_: Path) -> SimpleNamespace:
        return SimpleNamespace(free=whole - sum(path.stat().st_size for path in cache.iterdir()))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    first, *others = [another() for _ in range(8)]

    assert max(len(files) for files in others) == 4
    assert not first & others[-1]
    assert others[-2] - others[-3] <= others[-1]  # the newest ones are kept


def test_what_a_killed_process_left_is_deleted_and_what_another_one_writes_is_not(
    another: Another, cache: Path
) -> None:
    cache.mkdir()
    left, written = cache / "a.npy.1.partial", cache / "b.npy.1.partial"
    left.write_bytes(b"half of it")
    with written.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        assert {path for path in names(another() and cache) if "partial" in path} == {written.name}


def test_on_a_full_disk_the_other_files_make_room(
    another: Another, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = another()

    def full_beside_others(*_: int) -> None:
        if list(cache.glob("*.npy")):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full_beside_others)

    assert len(another()) == 1
    assert not first & names(cache)
