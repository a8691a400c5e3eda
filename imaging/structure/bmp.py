"""What a BMP's header says of its compression and palette."""

from __future__ import annotations

import struct

from imaging.errors import ImageTooComplex

HEADER_AT, PIXELS_AT, BITS_AT, COMPRESSION_AT, COLOURS_AT = 14, 10, 28, 30, 46
HEADER_SIZES = range(40, 125)
"""Those with the fields at these offsets, and four bytes an entry of the palette."""
RUN_LENGTHS = (1, 2)
MAX_RUN_LENGTH_BYTES = 2**20
"""Pillow decodes these in Python, half a second for so many."""


def cleaned(content: bytes) -> bytes:
    """The file in a form that Pillow reads right. Raises ImageTooComplex for a large one with run-length compression.

    A palette of black and white alone, or of nothing but its own numbers, counts as no palette for Pillow, which
    then takes 8 or 4 bits a pixel for 1 or 8. Such a palette gets more entries, which no pixel names.
    """
    compression = int.from_bytes(content[COMPRESSION_AT : COMPRESSION_AT + 4], "little")
    if compression in RUN_LENGTHS and len(content) > MAX_RUN_LENGTH_BYTES:
        raise ImageTooComplex(
            f"BMP files with run-length compression are read up to {MAX_RUN_LENGTH_BYTES // 2**20} MiB. "
            "Save it uncompressed, or as PNG."
        )
    header_bytes = int.from_bytes(content[HEADER_AT : HEADER_AT + 4], "little")
    bits = int.from_bytes(content[BITS_AT : BITS_AT + 2], "little")
    if header_bytes not in HEADER_SIZES or bits not in (4, 8):
        return content
    colours = int.from_bytes(content[COLOURS_AT : COLOURS_AT + 4], "little") or 1 << bits
    palette_at = HEADER_AT + header_bytes
    palette = content[palette_at : palette_at + 4 * min(colours, 1 << bits)]
    if not _looks_like_none(palette, bits):
        return content
    entries = 17 if bits == 4 else 256
    pixels_at = int.from_bytes(content[PIXELS_AT : PIXELS_AT + 4], "little")
    return b"".join(
        (
            content[:PIXELS_AT],
            struct.pack("<I", palette_at + 4 * entries),
            content[PIXELS_AT + 4 : COLOURS_AT],
            struct.pack("<I", entries),
            content[COLOURS_AT + 4 : palette_at],
            palette.ljust(4 * entries, b"\0"),
            content[pixels_at:],
        )
    )


def _looks_like_none(palette: bytes, bits: int) -> bool:
    """Whether Pillow would take the file for one of another depth without a palette."""
    entries = [palette[at : at + 3] for at in range(0, len(palette), 4)]
    if len(entries) == 2:
        return entries == [b"\0\0\0", b"\xff\xff\xff"]
    return bits == 4 and entries == [bytes([number]) * 3 for number in range(len(entries))]
