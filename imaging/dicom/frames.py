"""Where the frames of a DICOM file's pixels lie (PS3.5, 8.2 and A.4). Nothing is unpacked here."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import RLELossless

from imaging.dicom.elements import quoted
from imaging.dicom.file import UNDEFINED_LENGTH
from imaging.dicom.layout import BITS_OF_FLOATS, INTEGERS, YBR_422, Layout
from imaging.errors import ImageError, ImageTooComplex, TruncatedImage, UnsupportedImage

MAX_PIECES_OF_FRAME = 64
"""Fragments that the pixels of a frame may be cut into."""
ITEM, END = 0xE000, 0xE0DD
STARTS = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")
"""How a frame begins: JPEG and JPEG-LS, JPEG 2000, JPEG 2000 as a file."""
LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN")
"""Kinds of values whose length has 32 bits where the kind is named."""

Piece = tuple[int, int]
"""From which byte of the file to which."""


@dataclass(frozen=True)
class PixelElement:
    """The element that holds the pixels: its name, the kind of its values, where they begin, and how many bytes it says they are."""

    keyword: str
    kind: str
    begins: int
    length: int

    @property
    def is_encapsulated(self) -> bool:
        """Whether the pixels are in fragments, as compressed ones are."""
        return self.length == UNDEFINED_LENGTH


def pixel_element(content: bytes, at: int, encoding: tuple[bool, bool]) -> PixelElement:
    """The element at a place of the file; `encoding` says whether kinds are left out, and the low byte comes first.

    Raises TruncatedImage, ImageError.
    """
    is_implicit, is_little = encoding
    order = "<" if is_little else ">"
    try:
        tag = Tag(struct.unpack_from(order + "HH", content, at))
        keyword = next((name for name in (INTEGERS, *BITS_OF_FLOATS) if Tag(name) == tag), None)
        if keyword is None:
            raise TruncatedImage("The DICOM file ends before its pixels.")
        if is_implicit:
            return PixelElement(keyword, "OW", at + 8, struct.unpack_from(order + "I", content, at + 4)[0])
        kind = content[at + 4 : at + 6]
        if kind not in LONG:
            raise ImageError("The DICOM file is damaged.")
        return PixelElement(
            keyword, kind.decode(), at + 12, struct.unpack_from(order + "I", content, at + 8)[0]
        )
    except struct.error as error:
        raise TruncatedImage("The DICOM file ends before its pixels.") from error


@dataclass(frozen=True)
class Frames:
    """The frames in the file's order, each in one piece or several; None for those that are not all there."""

    content: bytes
    pieces: tuple[tuple[Piece, ...] | None, ...]
    is_encapsulated: bool

    def element_of(self, frame: int) -> bytes:
        """The frame as the pixels of a file of nothing else. Raises TruncatedImage for one that is not there."""
        pieces = self.pieces[frame]
        if pieces is None:
            raise TruncatedImage("The DICOM file ends too early.")
        found = b"".join(self.content[begin:end] for begin, end in pieces)
        return bytes(encapsulate([found])) if self.is_encapsulated else found

    @property
    def largest_bytes(self) -> int:
        """Of the largest frame that is there."""
        return max((sum(end - begin for begin, end in found) for found in self.pieces if found), default=0)


def frames_of(content: bytes, element: PixelElement, layout: Layout, count: int, table: Any) -> Frames:
    """Where `count` frames lie; `table` has the offsets that the file lists apart (Extended Offset Table), if any.

    Raises ImageTooComplex for more fragments than frames can need, TruncatedImage where no frame is there.
    """
    if layout.is_compressed != element.is_encapsulated:
        raise ImageError(
            f"The DICOM file contradicts itself: {quoted(layout.syntax.name)} pixels, "
            f"and {'not ' if layout.is_compressed else ''}in fragments."
        )
    pieces = (
        _of_fragments(content, element, layout, count, table)
        if layout.is_compressed
        else _native(content, element, layout, count)
    )
    if not any(pieces):
        raise TruncatedImage("The DICOM file ends before its pixels.")
    return Frames(content, pieces, layout.is_compressed)


def frame_bytes(layout: Layout) -> int:
    """Of a frame that is not compressed. Raises UnsupportedImage for several pixels a byte."""
    if layout.allocated < 8:
        raise UnsupportedImage(
            "DICOM files of several frames are read with 8, 16 or 32 bits a pixel, or floats."
        )
    stored = layout.width * layout.height * layout.samples * layout.allocated // 8
    return stored * 2 // 3 if layout.photometric == YBR_422 else stored


def _native(
    content: bytes, element: PixelElement, layout: Layout, count: int
) -> tuple[tuple[Piece, ...] | None, ...]:
    size = frame_bytes(layout)
    end = min(len(content), element.begins + element.length)
    starts = (element.begins + number * size for number in range(count))
    return tuple(((start, start + size),) if start + size <= end else None for start in starts)


def _of_fragments(
    content: bytes, element: PixelElement, layout: Layout, count: int, table: Any
) -> tuple[tuple[Piece, ...] | None, ...]:
    basic, fragments = _fragments(content, element.begins, MAX_PIECES_OF_FRAME * count)
    if not fragments:
        return (None,) * count
    first = fragments[0][0] - 8
    listed = _listed(table) or _listed(basic)
    if len(listed) == count and listed == sorted(set(listed)):
        starts = [first + offset for offset in listed]
    elif len(fragments) <= count or layout.syntax == RLELossless:
        starts = [begin - 8 for begin, _ in fragments]
    else:
        starts = [begin - 8 for begin, _ in fragments if content.startswith(STARTS, begin)]
    ends = [*starts[1:], len(content)]
    found: list[tuple[Piece, ...] | None] = []
    place = 0
    for start, end in zip(starts[:count], ends, strict=False):
        while place < len(fragments) and fragments[place][0] - 8 < start:
            place += 1
        pieces = []
        while place < len(fragments) and fragments[place][0] - 8 < end:
            pieces.append(fragments[place])
            place += 1
        is_whole = bool(pieces) and pieces[-1][1] <= len(content)
        found.append(tuple(pieces) if is_whole else None)
    return (*found, *[None] * (count - len(found)))


def _fragments(content: bytes, at: int, most: int) -> tuple[bytes, list[Piece]]:
    """The basic offset table and the fragments behind it, as far as they are there."""
    table: bytes | None = None
    found: list[Piece] = []
    while at + 8 <= len(content):
        group, kind, length = struct.unpack_from("<HHI", content, at)
        if (group, kind) != (0xFFFE, ITEM) or length == UNDEFINED_LENGTH:
            break
        begins, at = at + 8, at + 8 + length
        if table is None:
            table = content[begins : begins + min(length, 8 * most)]
            continue
        found.append((begins, at))
        if len(found) > most:
            raise ImageTooComplex("The DICOM file's pixels are in too many fragments. Store it uncompressed.")
    return table or b"", found


def _listed(table: Any) -> list[int]:
    """Offsets of 32 bits, or the extended ones of 64."""
    if not isinstance(table, bytes):
        return [int(offset) for offset in table or ()]
    return list(struct.unpack(f"<{len(table) // 4}I", table[: len(table) // 4 * 4]))
