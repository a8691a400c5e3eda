"""The structure of a TIFF: its directories and their tags (Adobe, "TIFF Revision 6.0"; Aware Systems, "BigTIFF")."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging.errors import ImageTooComplex

MAX_DIRECTORIES = 64
"""Thumbnails and levels of a pyramid included."""
MAX_TAGS = 4_096
"""Of one directory. Scanners and microscopes write some hundred."""
MAX_TAGS_OF_ALL = 8 * MAX_TAGS
"""Of all directories together."""
MAX_VALUES = 2**16
"""Of a tag such as the offsets of strips: one for each row of the tallest picture. Pillow makes a tuple of them."""

NUMBERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
"""Types of integers, by their number in the file, with NumPy's names."""
TYPE_BYTES = {2: 1, 5: 8, 7: 1, 10: 8, 11: 4, 12: 8} | {
    kind: np.dtype(name).itemsize for kind, name in NUMBERS.items()
}
"""Bytes of one value, by the tag's type."""


@dataclass(frozen=True)
class Entry:
    """A tag of a directory: its type, the number of its values, and their offset in the file."""

    kind: int
    count: int
    at: int


@dataclass(frozen=True)
class Directory:
    """The tags of one picture, thumbnail or mask, and the offset of their list."""

    at: int
    entries: dict[int, Entry]


@dataclass(frozen=True)
class Tiff:
    """A TIFF or BigTIFF that is read tag by tag."""

    content: bytes

    @property
    def order(self) -> str:
        """The byte order, as `struct` names it."""
        return "<" if self.content.startswith(b"II") else ">"

    @property
    def is_big(self) -> bool:
        """Whether offsets are numbers of 64 bits, as in a BigTIFF."""
        return self.content[2:4] in (b"+\0", b"\0+")

    def directories(self, most: int = MAX_DIRECTORIES) -> Iterator[Directory | None]:
        """The directories in the order of the file; None stands for one that can't be read.

        Raises ImageTooComplex for too many, or too many tags.
        """
        seen: set[int] = set()
        tags = 0
        try:
            at = self._offset(8 if self.is_big else 4)
            while at and at not in seen:
                seen.add(at)
                directory, at = self.directory(at)
                tags += len(directory.entries)
                if len(seen) > most or tags > MAX_TAGS_OF_ALL:
                    raise ImageTooComplex(
                        f"The TIFF file has more than {most:,} directories. Save the picture alone."
                    )
                yield directory
        except (struct.error, OverflowError):  # beyond the end of the file
            yield None

    def directory(self, at: int) -> tuple[Directory, int]:
        """The directory at an offset, and the offset of the next, 0 for none.

        Raises struct.error where it lies beyond the end of the file, ImageTooComplex for too many tags.
        """
        count_kind, many_kind, width, values = ("Q", "Q", 20, 8) if self.is_big else ("H", "I", 12, 4)
        number = self._number(at, count_kind)
        if number > MAX_TAGS:
            raise ImageTooComplex(f"The TIFF file has a directory of more than {MAX_TAGS:,} tags.")
        entries: dict[int, Entry] = {}
        first = at + struct.calcsize(count_kind)
        for entry_at in range(first, first + number * width, width):
            tag, kind, many = struct.unpack_from(f"{self.order}HH{many_kind}", self.content, entry_at)
            value_at = entry_at + width - values
            if many * TYPE_BYTES.get(kind, 0) > values:
                value_at = self._offset(value_at)
            entries.setdefault(tag, Entry(kind, many, value_at))
        return Directory(at, entries), self._offset(first + number * width)

    def values(self, directory: Directory, tag: int) -> list[int]:
        """The integers of a tag that lie within the file, at most `MAX_VALUES` of them."""
        entry = directory.entries.get(tag)
        if entry is None or entry.kind not in NUMBERS:
            return []
        kind = np.dtype(self.order + NUMBERS[entry.kind])
        raw = self.raw(entry)[: MAX_VALUES * kind.itemsize]
        numbers: npt.NDArray[np.int64] = np.frombuffer(raw, kind, len(raw) // kind.itemsize)
        return [int(value) for value in numbers]

    def value(self, directory: Directory, tag: int, default: int) -> int:
        """The first integer of a tag, or the default."""
        return next(iter(self.values(directory, tag)), default)

    def raw(self, entry: Entry) -> bytes:
        """The bytes of an entry's values that lie within the file."""
        return self.content[entry.at : entry.at + entry.count * TYPE_BYTES.get(entry.kind, 0)]

    def _offset(self, at: int) -> int:
        return self._number(at, "Q" if self.is_big else "I")

    def _number(self, at: int, kind: str) -> int:
        return int(struct.unpack_from(self.order + kind, self.content, at)[0])
