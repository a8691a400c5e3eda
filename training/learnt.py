"""Which scans a model has learnt from, as a short note in its card by which a gate recognises them.

The note is a Bloom filter (B. Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", CACM 1970): it says of
a scan whether it is surely not, or almost surely, one of them, and tells nothing of the scans themselves.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from training.data.manifest import Scan

FIELD = "scans"
"""The field of a card's `made_with` that holds the note."""
BITS = 20
"""For each scan: 7 of 100,000 scans that were not learnt from are taken for one that was."""
BY_CHANCE = 1
"""Scans that a note may take for known by chance."""
HASHES = 14
WORD = 16
"""Hexadecimal digits of a hash that make a number."""
MOST_BYTES = 64 * 2**20


def note(scans: Iterable[Scan]) -> dict[str, Any]:
    """The note about scans, each with the hash of its pixels or else of its file; others are left out."""
    keys = sorted({key for scan in scans if (key := scan.pixels_sha256 or scan.sha256)})
    size = max(8, math.ceil(len(keys) * BITS / 8) * 8)
    bits = np.zeros(size, bool)
    for key in keys:
        bits[_places(key, size)] = True
    return {"count": len(keys), "filter": base64.b64encode(np.packbits(bits).tobytes()).decode()}


def found(content: Mapping[str, Any], keys: Sequence[Iterable[str]]) -> int:
    """How many scans the note holds; of each, any of its `keys` (sha256 of pixels, of the file) may be noted.

    Raises ValueError for what is no note.
    """
    try:
        packed = base64.b64decode(content["filter"], validate=True)
        if not 0 < len(packed) <= MOST_BYTES:
            raise ValueError("the filter is empty or too large")
        bits = np.unpackbits(np.frombuffer(packed, np.uint8)).astype(bool)
        return sum(any(key and bits[_places(key, len(bits))].all() for key in own) for own in keys)
    except (KeyError, TypeError, binascii.Error) as error:
        raise ValueError(f"no note of scans ({error})") from error


def _places(key: str, size: int) -> list[int]:
    first, step = int(key[:WORD], 16), int(key[WORD : 2 * WORD], 16) | 1
    return [(first + number * step) % size for number in range(HASHES)]
