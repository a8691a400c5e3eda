"""The structure of a WebP: the size in its header, and its frames (Google, "WebP Container Specification")."""

from __future__ import annotations

from imaging.errors import TruncatedImage, UnsupportedImage

HEADER_BYTES = 30
FIRST_CHUNK_AT = 12
CHUNK_HEADER_BYTES = 8
FRAME = b"ANMF"
MAX_CHUNKS = 1_000
"""A still picture has up to seven. Chunks beyond this number are not looked at."""
_14_BITS = 0x3FFF
"""Mask of the 14 bits that a side has."""


def size(content: bytes) -> tuple[int, int]:
    """Width and height of the canvas in pixels. Raises TruncatedImage, or UnsupportedImage for an unknown kind."""
    if len(content) < HEADER_BYTES:
        raise TruncatedImage("The WebP file ends too early.")

    def number(at: int, width: int) -> int:
        return int.from_bytes(content[at : at + width], "little")

    match content[12:16]:
        case b"VP8X":
            return number(24, 3) + 1, number(27, 3) + 1
        case b"VP8L":
            both = number(21, 4)
            return (both & _14_BITS) + 1, (both >> 14 & _14_BITS) + 1
        case b"VP8 ":
            return number(26, 2) & _14_BITS, number(28, 2) & _14_BITS
    raise UnsupportedImage("The WebP file is damaged or of a kind that is not read.")


def frames(content: bytes) -> int:
    """The number of frames of an animation, counted up to two; 0 for a still picture."""
    count, at = 0, FIRST_CHUNK_AT
    for _ in range(MAX_CHUNKS):
        count += content[at : at + 4] == FRAME
        length = int.from_bytes(content[at + 4 : at + CHUNK_HEADER_BYTES], "little")
        at += CHUNK_HEADER_BYTES + length + length % 2
        if count > 1 or at >= len(content):
            break
    return count
