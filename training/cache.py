"""A cache of decoded, reduced scans on disk, so that no epoch decodes files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
"""Beyond this size the least recently used files are deleted."""


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

    `resize` says how they are made square (`handlers.card.RESIZES`). There is one channel when all scans are grey, else three. Raises DataError with the name of a scan that can't be
    read, or when the cache can't be written.
    """
    file = folder / f"{_key(scans, side, resize)}.npy"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write(scans, side, file, resize)
        _delete_oldest(folder, keep=file)
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
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        if not _fill(scans, side, partial, resize, channels=1):
            _fill(scans, side, partial, resize, channels=3)
        partial.replace(file)
    except OSError as error:
        wanted_mb = len(scans) * side**2 / 1e6
        raise DataError(
            f"{file.parent}: the reduced scans can't be written ({error.strerror}); "
            f"they need {wanted_mb:.0f} to {3 * wanted_mb:.0f} MB. Free some space, or name another folder with --cache"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _fill(scans: Sequence[Scan], side: int, file: Path, resize: str, channels: int) -> bool:
    """Write the pixels of all scans; stop and return False when a scan has colours but the file one channel."""
    stored = np.lib.format.open_memmap(file, "w+", np.uint8, (len(scans), channels, side, side))
    with file.open("r+b") as whole:
        # On a full disk this raises an error; writing to a mapped file that was not allocated would kill the process.
        os.posix_fallocate(whole.fileno(), 0, file.stat().st_size)

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


def _delete_oldest(folder: Path, keep: Path) -> None:
    """Delete the least recently used files beyond `MOST_BYTES`, but never `keep`."""
    files = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > MOST_BYTES and path != keep:
            path.unlink(missing_ok=True)
