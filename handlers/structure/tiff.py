"""The structure of a TIFF: its directories, and the strips or tiles of its picture (Adobe, "TIFF Revision 6.0")."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from handlers.errors import ImageTooComplex, TruncatedImage, UnsupportedImage

MOST_DIRECTORIES = 8
"""Whether a later one holds another image is not looked at, here and where pages are counted."""
MOST_TAGS = 4_096
"""Of a directory; scanners and microscopes write some hundred."""
MOST_VALUES = 2**16
"""Of a tag, such as the places of strips: one for each row of the tallest picture. Pillow makes a tuple of them."""
MOST_PADDING = 4
"""How many times the picture its tiles may cover together; small pictures in one tile excepted."""
SMALL_TILE = 1024**2

WIDTH, HEIGHT, COMPRESSION, TILE_WIDTH, TILE_HEIGHT = 256, 257, 259, 322, 323
BYTE_COUNTS = (279, 325)
PLACES = (273, 324)
UNCOMPRESSED = 1
JPEG = 7
COMPRESSIONS = {UNCOMPRESSED, 2, 3, 4, 5, JPEG, 8, 32773, 32946}
"""None, fax, LZW, JPEG, Deflate and PackBits. The work of others is not bounded by the size of strips."""
NUMBERS = {3: "u2", 4: "u4", 16: "u8"}
"""Types of numbers that counts and sizes have, with NumPy's names."""
BLOBS = (1, 2, 7)
"""Bytes, text and anything: kept as they are, whatever their length."""
SCAN = b"\xff\xda"
SCANS_OF_A_PIECE = 3
SPARE_SCANS = 32


@dataclass(frozen=True)
class _Entry:
    """A tag of a directory: its type, how many values it has, and where they stand."""

    kind: int
    count: int
    at: int


@dataclass(frozen=True)
class _Layout:
    """How numbers are written in one file."""

    order: str
    big: bool

    def number(self, content: bytes, at: int, kind: str) -> int:
        return int(struct.unpack_from(self.order + kind, content, at)[0])


def check(content: bytes) -> None:
    """Walk a TIFF's directories.

    Raises ImageTooComplex for too many tags, strips or tiles, UnsupportedImage for a compression that is not read,
    TruncatedImage where the strips together are larger than the file. What can't be read is left to the decoder.
    """
    layout = _Layout("<" if content.startswith(b"II") else ">", content[2:4] in (b"+\0", b"\0+"))
    for number, entries in enumerate(_directories(content, layout)):
        if number == 0:
            _check_pieces(content, layout, entries)


def _directories(content: bytes, layout: _Layout) -> Iterator[Mapping[int, _Entry]]:
    place, tags, count, width, values = ("Q", "Q", "Q", 20, 8) if layout.big else ("I", "H", "I", 12, 4)
    try:
        at = layout.number(content, 8 if layout.big else 4, place)
        for _ in range(MOST_DIRECTORIES):
            if not at:
                return
            number = layout.number(content, at, tags)
            if number > MOST_TAGS:
                raise ImageTooComplex(f"The TIFF file has a directory of more than {MOST_TAGS:,} tags.")
            at += struct.calcsize(tags)
            entries: dict[int, _Entry] = {}
            for entry_at in range(at, at + number * width, width):
                tag, kind = struct.unpack_from(layout.order + "HH", content, entry_at)
                many = layout.number(content, entry_at + 4, count)
                if many > MOST_VALUES and kind not in BLOBS:
                    raise ImageTooComplex(
                        f"The TIFF file lists more than {MOST_VALUES:,} values under tag {tag}, such as strips or "
                        "tiles. Save it with larger ones."
                    )
                value_at = entry_at + 4 + struct.calcsize(layout.order + count)
                if kind in NUMBERS and many * np.dtype(NUMBERS[kind]).itemsize > values:
                    value_at = layout.number(content, value_at, place)
                entries.setdefault(tag, _Entry(kind, many, value_at))
            yield entries
            at = layout.number(content, at + number * width, place)
    except (struct.error, OverflowError):  # beyond the end of the file
        return


def _check_pieces(content: bytes, layout: _Layout, entries: Mapping[int, _Entry]) -> None:
    compression = _first(content, layout, entries, COMPRESSION, UNCOMPRESSED)
    if compression not in COMPRESSIONS:
        raise UnsupportedImage(
            f"TIFF files with compression {compression} are not read; save it with LZW, Deflate or none."
        )
    tile = [_first(content, layout, entries, tag, 0) for tag in (TILE_WIDTH, TILE_HEIGHT)]
    size = [_first(content, layout, entries, tag, 0) for tag in (WIDTH, HEIGHT)]
    if all(tile) and tile[0] * tile[1] > max(SMALL_TILE, MOST_PADDING * size[0] * size[1]):
        raise ImageTooComplex("The TIFF file's tiles are far larger than its picture. Save it without tiles.")
    if compression == UNCOMPRESSED:
        return
    announced = sum(sum(_values(content, layout, entries.get(tag))) for tag in BYTE_COUNTS)
    if announced > len(content):
        raise TruncatedImage("The TIFF file ends too early, or its strips lie over each other.")
    pieces = max((entries[tag].count for tag in PLACES if tag in entries), default=1)
    if compression == JPEG and content.count(SCAN) > SCANS_OF_A_PIECE * pieces + SPARE_SCANS:
        raise ImageTooComplex("The TIFF file's JPEG strips have too many scans. Save it with LZW or Deflate.")


def _values(content: bytes, layout: _Layout, entry: _Entry | None) -> list[int]:
    """An entry's numbers, as far as they lie within the file."""
    if entry is None or entry.kind not in NUMBERS:
        return []
    kind = np.dtype(layout.order + NUMBERS[entry.kind])
    inside = content[entry.at : entry.at + entry.count * kind.itemsize]
    return [int(value) for value in np.frombuffer(inside, kind, len(inside) // kind.itemsize)]


def _first(content: bytes, layout: _Layout, entries: Mapping[int, _Entry], tag: int, default: int) -> int:
    return next(iter(_values(content, layout, entries.get(tag))), default)
