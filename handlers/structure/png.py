"""The structure of a PNG: its chunks (W3C, "Portable Network Graphics (PNG) Specification", section 5)."""

from __future__ import annotations

from handlers.errors import ImageTooComplex

MOST_CHUNKS = 16_384
"""Pillow steps through them in Python; pixels of 32 MiB in chunks of 4 KiB are 8,192."""
FIRST_CHUNK_AT = 8
END = b"IEND"
FRAME_BYTES = 12
"""Of a chunk: its length, kind and checksum."""


def check(content: bytes) -> None:
    """Raise ImageTooComplex for a PNG file in too many pieces."""
    at = FIRST_CHUNK_AT
    for _ in range(MOST_CHUNKS):
        kind = content[at + 4 : at + 8]
        at += int.from_bytes(content[at : at + 4], "big") + FRAME_BYTES
        if kind == END or at >= len(content):
            return
    raise ImageTooComplex(f"The PNG file has more than {MOST_CHUNKS:,} chunks. Save it anew.")
