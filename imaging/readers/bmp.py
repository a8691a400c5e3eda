"""Reads BMP files."""

from __future__ import annotations

import struct

from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.structure import bmp

HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)
"""Of all versions of the header, in bytes; the number stands behind the file's own header of 14 bytes."""


def examine(content: bytes, known: Format) -> Examined:
    """Look at a BMP file. Raises ImageTooComplex, or as `pillow.examine` does."""
    return pillow.examine(bmp.cleaned(content), known)


def resembles(content: bytes) -> bool:
    """Whether a file begins as a BMP does: two letters alone would take any text that begins with them for one."""
    if not content.startswith(b"BM") or len(content) < bmp.HEADER_AT + 4:
        return False
    return struct.unpack_from("<I", content, bmp.HEADER_AT)[0] in HEADER_SIZES


def is_complete(content: bytes) -> bool:
    """Whether the file is as long as it says."""
    return len(content) >= int.from_bytes(content[2:6], "little")
