"""What a WebP's header says of its size (Google's "WebP Container Specification")."""

from __future__ import annotations

from handlers.errors import TruncatedImage, UnsupportedImage

HEADER_BYTES = 30
_14_BITS = 0x3FFF


def size(content: bytes) -> tuple[int, int]:
    """Width and height of the canvas. Raises TruncatedImage, or UnsupportedImage for a kind that is not known."""
    if len(content) < HEADER_BYTES:
        raise TruncatedImage("The WEBP file ends too early.")

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
    raise UnsupportedImage("The WEBP file is damaged or of a kind that is not read.")
