"""Finds identical and nearly identical B-scans, by hashes of the file, of its pixels and of how it looks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from imaging.decoding import decode
from imaging.errors import ImageError
from imaging.fingerprint import perceptual_hash, pixels_sha256


@dataclass(frozen=True)
class Fingerprint:
    """Size in pixels and hashes (hexadecimal) of one scan; the perceptual hash of a flat picture is empty."""

    width: int
    height: int
    sha256: str
    pixels_sha256: str
    perceptual_hash: str


def fingerprint(path: Path) -> Fingerprint:
    """Read, decode and hash one file; raises ImageError when it holds no readable image, or OSError."""
    content = path.read_bytes()
    pixels = decode(content).pixels
    height, width, _ = pixels.shape
    return Fingerprint(
        width=width,
        height=height,
        sha256=hashlib.sha256(content).hexdigest(),
        pixels_sha256=pixels_sha256(pixels),
        perceptual_hash=perceptual_hash(pixels),
    )


def fingerprints(paths: Sequence[Path]) -> list[Fingerprint | str]:
    """Fingerprints of many files in their order, with a progress bar; for an unreadable file, what is wrong."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        try:
            results = threads.map(_fingerprint_or_reason, paths)
            return list(tqdm(results, total=len(paths), desc="checking scans", unit="scan", disable=None))
        except BaseException:  # After Ctrl-C the remaining files must not be read.
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _fingerprint_or_reason(path: Path) -> Fingerprint | str:
    try:
        return fingerprint(path)
    except ImageError as error:
        return error.message
    except OSError as error:
        return error.strerror or str(error)
