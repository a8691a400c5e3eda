"""Hashes by which identical and nearly identical pictures are found: of the pixels, and of how they look."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

HASH_SIDE = 16
"""A perceptual hash has HASH_SIDE² bits."""
SCALED = 4 * HASH_SIDE
"""Pixels on a side of the picture that it is made of."""
NEAR_BITS = 40
"""Two scans whose perceptual hashes differ in at most this many of 256 bits show the same retina.

Measured on 2,909 scans of OCTDL and Kermany: 60 pairs with different patient ids differ in 0 to 32 bits, and all that
were looked at show one eye, taken, saved or cropped again. No pair differs in 33 to 43 bits. Those from 44 bits on
mostly show different eyes. The usual 64-bit hash has no such gap: B-scans look too much alike.
"""
ROWS, COLUMNS = 64, 4096
"""Size of the blocks in which hashes are compared: small enough to stay in a core's cache."""
Pixels = npt.NDArray[np.uint8]


def pixels_sha256(pixels: Pixels) -> str:
    """The sha256 (hexadecimal) of a picture's size and pixels, uint8 (height, width, 3), however it is compressed."""
    height, width, _ = pixels.shape
    digest = hashlib.sha256(f"{width}x{height} ".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def perceptual_hash(pixels: Pixels) -> str:
    """How a picture looks, as 64 hexadecimal digits; "" for a flat one. Takes uint8 (height, width, 3).

    It is the pHash of the package imagehash: which of the lowest frequencies of the picture, scaled to SCALED pixels on
    a side, are above their median.
    """
    if pixels.min() == pixels.max():
        return ""
    small = Image.fromarray(pixels).convert("L").resize((SCALED, SCALED), Image.Resampling.LANCZOS)
    waves = _cosines()
    low = waves @ np.asarray(small, dtype=np.float64) @ waves.T
    return np.packbits(low > np.median(low)).tobytes().hex()


@functools.cache
def _cosines() -> npt.NDArray[np.float64]:
    """The lowest frequencies of the discrete cosine transform (type II), as a matrix (HASH_SIDE, SCALED)."""
    frequency, place = np.arange(HASH_SIDE)[:, None], np.arange(SCALED)[None]
    return np.asarray(2 * np.cos(np.pi * frequency * (2 * place + 1) / (2 * SCALED)))


def near_pairs(hashes: Sequence[str], most_bits: int = NEAR_BITS) -> npt.NDArray[np.int64]:
    """Pairs of perceptual hashes that differ in at most `most_bits` bits; empty hashes pair with none.

    Returns int64 (pairs, 3): two indices into `hashes`, the lower first, and the count of bits that differ. All pairs
    are compared: 100,000 hashes take one core half a minute.
    """
    known, words = _words(hashes)
    if len(known) < 2:
        return np.empty((0, 3), dtype=np.int64)
    blocks = []
    for top in range(0, len(known), ROWS):
        for left in range(top, len(known), COLUMNS):
            bits = _differing(words[:, top : top + ROWS], words[:, left : left + COLUMNS])
            rows, columns = np.nonzero(bits <= most_bits)
            later = rows + top < columns + left
            rows, columns = rows[later], columns[later]
            blocks.append(np.stack([known[rows + top], known[columns + left], bits[rows, columns]], axis=1))
    pairs = np.concatenate(blocks)
    order: npt.NDArray[np.int64] = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[order]


def near_any(hashes: Sequence[str], others: Sequence[str], most_bits: int = NEAR_BITS) -> list[int]:
    """For each perceptual hash the index of one of the others that differs in at most `most_bits` bits; -1 without one."""
    found = np.full(len(hashes), -1, dtype=np.int64)
    known, words = _words(hashes)
    theirs, other_words = _words(others)
    for top in range(0, len(known), ROWS):
        rows = known[top : top + ROWS]
        for left in range(0, len(theirs), COLUMNS):
            bits = _differing(words[:, top : top + ROWS], other_words[:, left : left + COLUMNS])
            closest = bits.argmin(axis=1)
            is_near = (bits[np.arange(len(rows)), closest] <= most_bits) & (found[rows] < 0)
            found[rows[is_near]] = theirs[left + closest[is_near]]
    return [int(index) for index in found]


def _words(hashes: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """The indices of the hashes that are not empty, and their bits, uint64 (words, hashes)."""
    known = np.array([index for index, value in enumerate(hashes) if value], dtype=np.int64)
    content = bytes.fromhex("".join(hashes[index] for index in known))
    if not content:
        return known, np.empty((0, 0), dtype=np.uint64)
    return known, np.ascontiguousarray(np.frombuffer(content, dtype=np.uint64).reshape(len(known), -1).T)


def _differing(first: npt.NDArray[np.uint64], second: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint16]:
    """How many bits differ, uint16 (first, second)."""
    bits = np.zeros((first.shape[1], second.shape[1]), dtype=np.uint16)
    for mine, theirs in zip(first, second, strict=True):
        bits += np.bitwise_count(mine[:, None] ^ theirs)
    return bits
