"""The structure of a PNG: its chunks (W3C, "Portable Network Graphics (PNG) Specification", section 5)."""

from __future__ import annotations

from zlib import crc32

from imaging.errors import ImageTooComplex, SeveralImages

MAX_CHUNKS = 16_384
"""They are stepped through in Python; pixels of 32 MiB in chunks of 4 KiB are 8,192."""
FIRST_CHUNK_AT = 8
END, PIXELS, HEADER, PALETTE = b"IEND", b"IDAT", b"IHDR", b"PLTE"
FRAME_BYTES = 12
"""Of a chunk: its length, kind and checksum."""
ANIMATION, FRAME, MORE_PIXELS = b"acTL", b"fcTL", b"fdAT"
OF_USE = (b"tRNS", b"eXIf", b"sBIT")
"""What else says something about the pixels: transparency, orientation, bits in use."""
TRANSPARENT_BYTES = {0: 2, 2: 6}
"""Of tRNS, by the header's colour type; of a palette one for each entry, or fewer."""
COLOUR_TYPE_AT = 25


def cleaned(content: bytes) -> bytes:
    """A PNG of the file's picture and nothing else: no text, profiles or times, which are never unpacked.

    Raises SeveralImages for an animation, ImageTooComplex for a file in too many pieces.
    """
    kept = [content[:FIRST_CHUNK_AT]]
    at, has_pixels, is_animated, frames = FIRST_CHUNK_AT, False, False, 0
    for _ in range(MAX_CHUNKS):
        kind = content[at + 4 : at + 8]
        following = at + int.from_bytes(content[at : at + 4], "big") + FRAME_BYTES
        is_animated |= kind == ANIMATION and not has_pixels
        frames += kind in (FRAME, MORE_PIXELS)
        has_pixels |= kind == PIXELS
        if _is_of_use(content, kind, at, following):
            kept.append(content[at:following])
        at = following
        if kind == END or at >= len(content):
            break
    else:
        raise ImageTooComplex(f"The PNG file has more than {MAX_CHUNKS:,} chunks. Save it again.")
    # One frame is the picture itself, unless it lies apart from it.
    if is_animated and frames > 1:
        raise SeveralImages.in_file("PNG")
    return b"".join(kept) if sum(map(len, kept)) < len(content) else content


def _is_of_use(content: bytes, kind: bytes, at: int, following: int) -> bool:
    """Whether a chunk is needed to show the picture; a damaged one that isn't critical counts as absent."""
    if kind not in OF_USE:
        return kind in (HEADER, PALETTE, PIXELS, END)
    if following > len(content):
        return False
    length = following - at - FRAME_BYTES
    if kind == b"tRNS" and length != TRANSPARENT_BYTES.get(content[COLOUR_TYPE_AT], length):
        return False
    is_whole = crc32(content[at + 4 : following - 4]) == int.from_bytes(
        content[following - 4 : following], "big"
    )
    return is_whole and length > 0
