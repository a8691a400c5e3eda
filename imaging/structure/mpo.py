"""The further pictures of a JPEG (CIPA DC-007, "Multi-Picture Format"): previews, maps, or others of equal rank."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from imaging.errors import SeveralImages
from imaging.structure.tiff import Tiff

NAME = b"MPF\0"
APPLICATION_2 = 0xE2
LISTED_PICTURES = 0xB002
ENTRY_BYTES = 16
MAX_PICTURES = 64
KIND = 0xFFFFFF
UNDEFINED = 0
EQUAL_RANK = range(0x020001, 0x020004)
"""Panorama, disparity (stereo) and other angles."""
GAIN_MAPS = (b"hdrgm:", b"HDRGainMap", b"urn:iso:std:iso:ts:21496")
"""Names that phones give the gain map of a picture, which may be as large as the picture."""
HEADER_BYTES = 2**17
BEGIN = b"\xff\xd8"
MAX_SEGMENTS = 500
FRAMES = (0xC0, 0xC1, 0xC2)
_MARKER = re.compile(rb"\xff{1,9}[\x01-\xfe]")


def check(content: bytes, kind: int, begin: int, end: int) -> None:
    """Check a JPEG's segment, from its name to its end. Raises SeveralImages if it lists pictures of equal rank."""
    if kind != APPLICATION_2 or not content.startswith(NAME, begin):
        return
    first, *others = list(_pictures(content[begin + len(NAME) : end])) or [(UNDEFINED, 0)]
    if first[0] in EQUAL_RANK and others:
        raise SeveralImages.in_file("JPEG")
    for rank, place in others:
        there = begin + len(NAME) + place
        if rank in EQUAL_RANK or (rank == UNDEFINED and _is_alike(content, there)):
            raise SeveralImages.in_file("JPEG")


def _pictures(index: bytes) -> Iterator[tuple[int, int]]:
    """Kind and offset, counted from the index, of each picture that the index lists."""
    file = Tiff(index)
    try:
        directory = next(file.directories(), None)
        entry = directory.entries.get(LISTED_PICTURES) if directory else None
        raw = file.raw(entry) if entry else b""
        for at in range(0, min(len(raw), MAX_PICTURES * ENTRY_BYTES) - ENTRY_BYTES + 1, ENTRY_BYTES):
            attributes, _, place = struct.unpack_from(file.order + "III", raw, at)
            yield attributes & KIND, place
    except struct.error:
        return


def _is_alike(content: bytes, at: int) -> bool:
    """Whether the JPEG at that offset is as large as the file's first picture and no gain map."""
    own, other = _size(content, 0), _size(content, at)
    if own is None or own != other:
        return False
    return not any(name in content[at : at + HEADER_BYTES] for name in GAIN_MAPS)


def _size(content: bytes, at: int) -> bytes | None:
    """The bytes of height and width of the JPEG that begins at that offset; None if they can't be found."""
    if not content.startswith(BEGIN, at):
        return None
    at += len(BEGIN)
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.match(content, at)
        if marker is None:
            return None
        at = marker.end()
        if content[at - 1] in FRAMES:
            return content[at + 3 : at + 7]
        at += int.from_bytes(content[at : at + 2], "big")
    return None
