"""Reads BMP files."""

from __future__ import annotations

import struct

from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.structure import bmp

HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)
"""Bytes of the second header in its known versions. The number stands behind the first header of 14 bytes."""


def examine(content: bytes, file_format: Format) -> Examined:
    """Examine a BMP file. Raises ImageTooComplex, or as `pillow.examine` does."""
    return pillow.examine(bmp.cleaned(content), file_format)


def resembles(content: bytes) -> bool:
    """Whether a file begins as a BMP does. The letters "BM" alone don't count, as a text may begin with them."""
    if not content.startswith(b"BM") or len(content) < bmp.HEADER_AT + 4:
        return False
    return struct.unpack_from("<I", content, bmp.HEADER_AT)[0] in HEADER_SIZES


def is_complete(content: bytes) -> bool:
    """Whether the file is as long as its header says."""
    return len(content) >= int.from_bytes(content[2:6], "little")
