"""The header of a BMP: compression and palette."""

from __future__ import annotations

import struct

from imaging.errors import ImageTooComplex

HEADER_AT, PIXELS_AT, BITS_AT, COMPRESSION_AT, COLOURS_AT = 14, 10, 28, 30, 46
HEADER_SIZES = range(40, 125)
"""Those with the fields at these offsets, and four bytes for each entry of the palette."""
RUN_LENGTHS = (1, 2)
MAX_RUN_LENGTH_BYTES = 2**20
"""Pillow decodes run lengths in Python; so many bytes take half a second."""


def cleaned(content: bytes) -> bytes:
    """The file in a form that Pillow reads correctly.

    Pillow ignores a palette of just black and white, or one whose entries equal their index. It then takes 8 or 4 bits
    a pixel for 1 or 8. Such a palette gets more entries, which no pixel refers to. Raises ImageTooComplex for a large
    file with run-length compression.
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
    if not _is_ignored(palette, bits):
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


def _is_ignored(palette: bytes, bits: int) -> bool:
    """Whether Pillow would ignore the palette and take the file for one of another depth."""
    entries = [palette[at : at + 3] for at in range(0, len(palette), 4)]
    if len(entries) == 2:
        return entries == [b"\0\0\0", b"\xff\xff\xff"]
    return bits == 4 and entries == [bytes([number]) * 3 for number in range(len(entries))]
