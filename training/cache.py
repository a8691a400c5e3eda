"""A cache of decoded, reduced scans on disk, so that no epoch decodes files."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from handlers.card import STRETCH
from handlers.preprocessing import to_square
from imaging.decoding import decode
from imaging.errors import ImageError
from training.data.manifest import DataError, Scan

Pixels = npt.NDArray[np.uint8]

FORMAT = "1"
"""Part of the key: change it when files of an earlier version must not be read any more."""
MOST_BYTES = 40 * 1024**3
"""Beyond this size, or half of the room that the file system has for them, the least recently used files are deleted."""
UNFINISHED = ".partial"
FULL = (errno.ENOSPC, errno.EDQUOT)


def read_pixels(scan: Scan) -> Pixels:
    """Decode a scan: uint8 RGB (height, width, 3). Raises DataError with the file's name when it can't be read."""
    try:
        return decode(scan.path.read_bytes()).pixels
    except ImageError as error:
        raise DataError(f"{scan.path}: {error.message}") from error
    except OSError as error:
        raise DataError(f"{scan.path} can't be read ({error.strerror})") from error


def cached_pixels(scans: Sequence[Scan], side: int, folder: Path, resize: str = STRETCH) -> Pixels:
    """The scans as uint8 (count, channels, side, side), mapped from a file in `folder`, which is made if missing.

    `resize` says how they are made square (`handlers.card.RESIZES`). There is one channel when all scans are grey, else
    three. Raises DataError with the name of a scan that can't be read, or when the cache can't be written.
    """
    file = folder / f"{_key(scans, side, resize)}.npy"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write(scans, side, file, resize)
    os.utime(file)
    stored: Pixels = np.load(file, mmap_mode="r")
    return stored


def _key(scans: Sequence[Scan], side: int, resize: str) -> str:
    """A name for the file: it depends on the path, the size and the modification time of each scan."""
    digest = hashlib.sha256(f"{FORMAT} {side}{'' if resize == STRETCH else f' {resize}'}".encode())
    for scan in scans:
        facts = scan.path.stat()
        digest.update(f"\n{scan.path.resolve()} {facts.st_size} {facts.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]


def _write(scans: Sequence[Scan], side: int, file: Path, resize: str) -> None:
    try:
        _delete_abandoned(file.parent)
        with _unfinished(file) as partial:
            if not _fill(scans, side, partial, resize, channels=1):
                _fill(scans, side, partial, resize, channels=3)
            partial.replace(file)
    except OSError as error:
        wanted_mb = len(scans) * side**2 / 1e6
        raise DataError(
            f"{file.parent}: the reduced scans can't be written ({error.strerror}); "
            f"they need {wanted_mb:.0f} to {3 * wanted_mb:.0f} MB. Free some space, or name another folder with --cache"
        ) from error


@contextmanager
def _unfinished(file: Path) -> Iterator[Path]:
    """The path of a file that is being written. It is locked, so that others see that somebody is writing it."""
    partial = file.with_name(f"{file.name}.{os.getpid()}{UNFINISHED}")
    descriptor = _locked(partial)
    while not os.fstat(descriptor).st_nlink:  # deleted by another process before it was locked
        os.close(descriptor)
        descriptor = _locked(partial)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path) -> int:
    """The descriptor of a file that is made if missing, and locked until the descriptor is closed or the process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    with suppress(OSError):  # a file system without locks, where nothing can be known to be abandoned
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _delete_abandoned(folder: Path) -> None:
    """Delete the unfinished files of processes that were killed."""
    for path in folder.glob(f"*{UNFINISHED}"):
        with suppress(OSError):  # somebody writes it, or has just finished
            descriptor = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def _fill(scans: Sequence[Scan], side: int, file: Path, resize: str, channels: int) -> bool:
    """Write the pixels of all scans; stop and return False when a scan has colours but the file one channel."""
    _make_room(file.parent, len(scans) * channels * side**2)
    stored = np.lib.format.open_memmap(file, "w+", np.uint8, (len(scans), channels, side, side))
    _allocate(file)

    def square(scan: Scan) -> Pixels:
        return np.asarray(to_square(read_pixels(scan), side, resize).numpy(), np.uint8)

    with (
        ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads,
        tqdm(total=len(scans), desc="reading scans", unit="scan", leave=False, disable=None) as progress,
    ):
        for first in range(0, len(scans), 256):  # bounds what is decoded but not yet written
            for number, pixels in enumerate(threads.map(square, scans[first : first + 256]), first):
                if channels == 1 and (pixels != pixels[:1]).any():
                    return False
                stored[number] = pixels[:channels]
                progress.update()
    stored.flush()
    return True


def _allocate(file: Path) -> None:
    """Reserve the space of a file; on a full disk, all finished files are deleted for it. Raises OSError.

    Writing to a mapped file that has no space would kill the process.
    """
    with file.open("r+b") as whole:
        bytes_needed = file.stat().st_size
        try:
            os.posix_fallocate(whole.fileno(), 0, bytes_needed)
        except OSError as error:
            others = list(file.parent.glob("*.npy"))
            if error.errno not in FULL or not others:
                raise
            for path in others:
                path.unlink(missing_ok=True)
            os.posix_fallocate(whole.fileno(), 0, bytes_needed)


def _make_room(folder: Path, wanted_bytes: int) -> None:
    """Delete the least recently used files, so that the rest is not too much together with a file of `wanted_bytes`."""
    files = []
    for path in folder.glob("*.npy"):
        with suppress(FileNotFoundError):  # another process has deleted it
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    room = shutil.disk_usage(folder).free + sum(size for _, size, _ in files)
    total = wanted_bytes
    for _, size, path in sorted(files, reverse=True):
        total += size
        if total > min(MOST_BYTES, room // 2):
            path.unlink(missing_ok=True)
