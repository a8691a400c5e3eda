"""Lookup tables of DICOM files, from values to values or to colours (PS3.3, C.11.1, C.11.2 and C.7.6.3.1.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.dicom.elements import is_little_endian, numbers, values
from imaging.pixels import bits_used

Numbers = npt.NDArray[Any]

MAX_ENTRIES = 2**16
COLOURS = ("Red", "Green", "Blue")
DISCRETE, LINEAR, INDIRECT = 0, 1, 2
"""Kinds of segments of a segmented palette: entries, a line to an entry, and a repetition of earlier segments."""
OFFSET_BYTES = 4


@dataclass(frozen=True)
class Table:
    """A lookup table whose first entry belongs to the value `first`. Values beyond its ends get the nearest entry.

    `white` is the greatest value that `entries` may hold.
    """

    first: int
    entries: Numbers
    white: int

    def __call__(self, looked_up: Numbers) -> Numbers:
        """The entries of these values."""
        index = np.nan_to_num(np.rint(looked_up.astype(np.float64))) - self.first
        entries: Numbers = self.entries[np.clip(index, 0, len(self.entries) - 1).astype(np.int64)]
        return entries


def table(item: Any, least: float) -> Table | None:
    """The table of an item of a sequence, for values of `least` or more; None if it is incomplete."""
    described = _described(item, "LUTDescriptor", "LUTData", least)
    if described is None:
        return None
    first, bits, entries = described
    brightest = int(entries.max())
    # Many files declare 16 bits and use fewer, so the entries themselves decide.
    used = bits if bits < 16 and brightest < 1 << bits else bits_used(brightest)
    return Table(first, entries, (1 << used) - 1)


def palette(data: Any, least: float) -> Table | None:
    """The palette for values of `least` or more, with `entries` uint8 (count, 3); None if it is incomplete."""
    complete = [colour for name in COLOURS if (colour := _colour(data, name, least)) is not None]
    if len(complete) < len(COLOURS) or len({(first, len(entries)) for first, _, entries in complete}) > 1:
        return None
    entries = np.stack([entries for _, _, entries in complete], axis=1)
    # Some files keep 8-bit colours in words of 16 bits; of all others the upper 8 bits are shown.
    return Table(complete[0][0], (entries >> bits_used(int(entries.max())) - 8).astype(np.uint8), 255)


def _colour(data: Any, name: str, least: float) -> tuple[int, int, Numbers] | None:
    descriptor = f"{name}PaletteColorLookupTableDescriptor"
    plain, segmented = f"{name}PaletteColorLookupTableData", f"Segmented{name}PaletteColorLookupTableData"
    return _described(data, descriptor, plain if values(data, plain) else segmented, least)


def _described(place: Any, descriptor: str, name: str, least: float) -> tuple[int, int, Numbers] | None:
    """The value of the first entry, the declared bits of entries, and the entries; None if they are incomplete."""
    declared = numbers(place, descriptor)
    if len(declared) != 3 or declared[0] is None or declared[1] is None:
        return None
    count = int(declared[0]) % MAX_ENTRIES or MAX_ENTRIES
    first = int(declared[1]) - (MAX_ENTRIES if declared[1] >= MAX_ENTRIES // 2 and least < 0 else 0)
    bits = int(declared[2]) if declared[2] is not None and 1 <= declared[2] <= 16 else 16
    if name.startswith("Segmented"):
        entries = _expanded(_segments(place, name, bits), count, bits)
    else:
        entries = _entries(place, name, count)
    return None if entries is None else (first, bits, entries)


def _entries(place: Any, name: str, count: int) -> Numbers | None:
    """That many entries, one in each word or two of 8 bits in each word; None if they are incomplete."""
    content, order = _bytes(place, name)
    if len(content) >= 2 * count:
        return np.frombuffer(content[: 2 * count], order + "u2").astype(np.uint16)
    if len(content) == count + count % 2:
        return _bytes_in_words(content, order)[:count].astype(np.uint16)
    return None


def _segments(place: Any, name: str, bits: int) -> list[int]:
    content, order = _bytes(place, name)
    if bits <= 8:
        return [int(value) for value in _bytes_in_words(content, order)]
    return [int(value) for value in np.frombuffer(content[: len(content) // 2 * 2], order + "u2")]


def _bytes(place: Any, name: str) -> tuple[bytes, str]:
    """An element's content as bytes of 16-bit words, and their order."""
    content = values(place, name)
    if len(content) == 1 and isinstance(content[0], bytes):
        return content[0], "<" if is_little_endian(place) else ">"
    words = [int(value) & 0xFFFF for value in content if isinstance(value, int)]
    return np.array(words, "<u2").tobytes(), "<"


def _bytes_in_words(content: bytes, order: str) -> Numbers:
    """The bytes of 16-bit words, the lower byte of each first."""
    return np.frombuffer(content[: len(content) // 2 * 2], order + "u2").astype("<u2").view(np.uint8)


def _expanded(segments: list[int], count: int, bits: int) -> Numbers | None:
    """The first `count` entries of a segmented palette (DICOM PS3.3, C.7.9.2); None if its segments are invalid."""
    expansion = _Expansion(segments, count, 1 if bits <= 8 else 2)
    try:
        expansion.follow(0, MAX_ENTRIES)
    except (IndexError, ValueError):
        return None
    return np.array(expansion.made[:count], np.uint16) if len(expansion.made) >= count else None


class _Expansion:
    """Expands segments to entries until there are `count`. A number in a segment has `unit` bytes, 1 or 2."""

    def __init__(self, segments: list[int], count: int, unit: int) -> None:
        self.made: list[int] = []
        self._segments = segments
        self._count = count
        self._unit = unit
        self._steps_left = MAX_ENTRIES

    def follow(self, at: int, most: int, is_repeated: bool = False) -> None:
        """Make the entries of up to `most` segments that begin at index `at`.

        Raises IndexError or ValueError for invalid segments, or too many.
        """
        while most and len(self.made) < self._count and at + 1 < len(self._segments):
            most -= 1
            self._steps_left -= 1
            kind, length = self._segments[at : at + 2]
            at += 2
            if kind == DISCRETE:
                self.made += self._segments[at : at + length]
                at += length
            elif kind == LINEAR:
                line = np.linspace(self.made[-1], self._segments[at], length + 1)[1:]
                self.made += np.rint(line).astype(int).tolist()
                at += 1
            elif kind == INDIRECT and not is_repeated and self._steps_left > 0:
                parts = self._segments[at : at + OFFSET_BYTES // self._unit]
                at += len(parts)
                offset = sum(part << 8 * self._unit * place for place, part in enumerate(parts))
                self.follow(offset // self._unit, length, is_repeated=True)
            else:
                raise ValueError("an invalid segment")
