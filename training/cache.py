"""Decoded, reduced scans on disk, so that an epoch decodes nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from handlers.preprocessing import to_square
from imaging.decoding import decode
from imaging.errors import ImageError
from training.data.manifest import DataError, Scan

Pixels = npt.NDArray[np.uint8]

FORMAT = "1"
"""Changes when files of an older version may no longer be read."""
MOST_BYTES = 40 * 1024**3
"""The files used longest ago are deleted beyond this size."""


def read_pixels(scan: Scan) -> Pixels:
    """The scan as uint8 RGB (height, width, 3); raises DataError naming the file when it can't be read."""
    try:
        return decode(scan.path.read_bytes()).pixels
    except ImageError as error:
        raise DataError(f"{scan.path}: {error.message}") from error
    except OSError as error:
        raise DataError(f"{scan.path} can't be read ({error.strerror})") from error


def squares(scans: Sequence[Scan], side: int, folder: Path) -> Pixels:
    """The scans as uint8 (count, channels, side, side), mapped from a file in `folder` that is made when missing.

    One channel when every scan is grey, else three. Raises DataError naming a scan that can't be read.
    """
    file = folder / f"{_key(scans, side)}.npy"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write(scans, side, file)
        _forget_oldest(folder, keep=file)
    os.utime(file)
    stored: Pixels = np.load(file, mmap_mode="r")
    return stored


def _key(scans: Sequence[Scan], side: int) -> str:
    """Changes with any file's place, size or time."""
    digest = hashlib.sha256(f"{FORMAT} {side}".encode())
    for scan in scans:
        facts = scan.path.stat()
        digest.update(f"\n{scan.path.resolve()} {facts.st_size} {facts.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]


def _write(scans: Sequence[Scan], side: int, file: Path) -> None:
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        if not _fill(scans, side, partial, channels=1):
            _fill(scans, side, partial, channels=3)
        partial.replace(file)
    except OSError as error:
        wanted_mb = len(scans) * side**2 / 1e6
        raise DataError(
            f"{file.parent}: the reduced scans can't be written ({error.strerror}); "
            f"they need {wanted_mb:.0f} to {3 * wanted_mb:.0f} MB. Free some space, or name another folder with --cache"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _fill(scans: Sequence[Scan], side: int, file: Path, channels: int) -> bool:
    """Write all squares; False as soon as a scan has colours that one channel can't hold."""
    stored = np.lib.format.open_memmap(file, "w+", np.uint8, (len(scans), channels, side, side))
    with file.open("r+b") as whole:
        # A mapped file that grows on a full disk kills the process; an allocation says so in words.
        os.posix_fallocate(whole.fileno(), 0, file.stat().st_size)

    def square(scan: Scan) -> Pixels:
        return np.asarray(to_square(read_pixels(scan), side).numpy(), np.uint8)

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


def _forget_oldest(folder: Path, keep: Path) -> None:
    files = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > MOST_BYTES and path != keep:
            path.unlink(missing_ok=True)
