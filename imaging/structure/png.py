"""The structure of a PNG: its chunks (W3C, "Portable Network Graphics (PNG) Specification", section 5)."""

from __future__ import annotations

from zlib import crc32

from imaging.errors import ImageTooComplex, SeveralImages

MAX_CHUNKS = 16_384
"""They are walked in Python. Pixels of 32 MiB in chunks of 4 KiB are 8,192."""
FIRST_CHUNK_AT = 8
END, PIXELS, HEADER, PALETTE = b"IEND", b"IDAT", b"IHDR", b"PLTE"
FRAME_BYTES = 12
"""Of a chunk beside its content: length, kind and checksum."""
ANIMATION, FRAME, MORE_PIXELS = b"acTL", b"fcTL", b"fdAT"
OF_USE = (b"tRNS", b"eXIf", b"sBIT")
"""Optional chunks that matter for the pixels: transparency, orientation, significant bits."""
TRANSPARENT_BYTES = {0: 2, 2: 6}
"""Length of tRNS by the header's colour type. For a palette it is one byte for each entry, or fewer."""
COLOUR_TYPE_AT = 25


def cleaned(content: bytes) -> bytes:
    """The PNG reduced to its picture. Texts, profiles and times are dropped without unpacking them.

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
    # With a single frame, that frame is the picture itself.
    if is_animated and frames > 1:
        raise SeveralImages.in_file("PNG")
    return b"".join(kept) if sum(map(len, kept)) < len(content) else content


def _is_of_use(content: bytes, kind: bytes, at: int, following: int) -> bool:
    """Whether a chunk is needed to show the picture. A damaged optional chunk counts as absent."""
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
