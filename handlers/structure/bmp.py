"""What a BMP's header says of its compression."""

from __future__ import annotations

from handlers.errors import ImageTooComplex

COMPRESSION_AT = 30
RUN_LENGTHS = (1, 2)
MOST_RUN_LENGTH_BYTES = 2**20
"""Pillow decodes these in Python, half a second for so many."""


def check(content: bytes) -> None:
    """Raise ImageTooComplex for a large BMP file with run-length compression."""
    compression = int.from_bytes(content[COMPRESSION_AT : COMPRESSION_AT + 4], "little")
    if compression in RUN_LENGTHS and len(content) > MOST_RUN_LENGTH_BYTES:
        raise ImageTooComplex(
            f"BMP files with run-length compression are read up to {MOST_RUN_LENGTH_BYTES // 2**20} MiB. "
            "Save it uncompressed, or as PNG."
        )
