"""Lookup tables of DICOM files: from a value to another, or to a colour (PS3.3, C.11.1, C.11.2 and C.7.6.3.1.6)."""

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
"""Kinds of the segments that a palette may be kept in: entries, a line to an entry, and segments that came before."""
OFFSET_BYTES = 4


@dataclass(frozen=True)
class Table:
    """What each value from `first` on becomes; those before and behind become what the first and the last do.

    `white` is the greatest that `entries` may hold.
    """

    first: int
    entries: Numbers
    white: int

    def __call__(self, looked_up: Numbers) -> Numbers:
        """The entries of these values."""
        index = np.nan_to_num(np.rint(looked_up.astype(np.float64))) - self.first
        found: Numbers = self.entries[np.clip(index, 0, len(self.entries) - 1).astype(np.int64)]
        return found


def table(item: Any, least: float) -> Table | None:
    """The table of an item of a sequence, for values of `least` or more; None where it is not whole."""
    found = _described(item, "LUTDescriptor", "LUTData", least)
    if found is None:
        return None
    first, bits, entries = found
    brightest = int(entries.max())
    # Many say 16 bits and use fewer: then that is all that is known of them.
    used = bits if bits < 16 and brightest < 1 << bits else bits_used(brightest)
    return Table(first, entries, (1 << used) - 1)


def palette(data: Any, least: float) -> Table | None:
    """The colours of values of `least` or more, `entries` uint8 (count, 3); None where they are not whole."""
    found = [_colour(data, name, least) for name in COLOURS]
    whole = [colour for colour in found if colour is not None]
    if len(whole) < len(COLOURS) or len({(first, len(entries)) for first, _, entries in whole}) > 1:
        return None
    entries = np.stack([entries for _, _, entries in whole], axis=1)
    # Some keep colours of 8 bits in words of 16; of all others the upper 8 bits are shown.
    return Table(whole[0][0], (entries >> bits_used(int(entries.max())) - 8).astype(np.uint8), 255)


def _colour(data: Any, name: str, least: float) -> tuple[int, int, Numbers] | None:
    descriptor = f"{name}PaletteColorLookupTableDescriptor"
    plain, segmented = f"{name}PaletteColorLookupTableData", f"Segmented{name}PaletteColorLookupTableData"
    return _described(data, descriptor, plain if values(data, plain) else segmented, least)


def _described(place: Any, descriptor: str, name: str, least: float) -> tuple[int, int, Numbers] | None:
    """The value that the first entry is for, the bits of entries as the file says them, and the entries."""
    said = numbers(place, descriptor)
    if len(said) != 3 or said[0] is None or said[1] is None:
        return None
    count = int(said[0]) % MAX_ENTRIES or MAX_ENTRIES
    first = int(said[1]) - (MAX_ENTRIES if said[1] >= MAX_ENTRIES // 2 and least < 0 else 0)
    bits = int(said[2]) if said[2] is not None and 1 <= said[2] <= 16 else 16
    if name.startswith("Segmented"):
        entries = _expanded(_segments(place, name, bits), count, bits)
    else:
        entries = _entries(place, name, count)
    return None if entries is None else (first, bits, entries)


def _entries(place: Any, name: str, count: int) -> Numbers | None:
    """So many entries, which lie in a word each or, of 8 bits, two in a word; None where they are not there."""
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
    """An element's content as it would lie in a file, and the order of its bytes."""
    found = values(place, name)
    if len(found) == 1 and isinstance(found[0], bytes):
        return found[0], "<" if is_little_endian(place) else ">"
    words = [int(value) & 0xFFFF for value in found if isinstance(value, int)]
    return np.array(words, "<u2").tobytes(), "<"


def _bytes_in_words(content: bytes, order: str) -> Numbers:
    """The bytes of words, that of the lower bits first."""
    return np.frombuffer(content[: len(content) // 2 * 2], order + "u2").astype("<u2").view(np.uint8)


def _expanded(segments: list[int], count: int, bits: int) -> Numbers | None:
    """The first `count` entries that segments stand for (DICOM PS3.3, C.7.9.2); None where they don't make sense."""
    expansion = _Expansion(segments, count, 1 if bits <= 8 else 2)
    try:
        expansion.follow(0, MAX_ENTRIES)
    except (IndexError, ValueError):
        return None
    return np.array(expansion.made[:count], np.uint16) if len(expansion.made) >= count else None


class _Expansion:
    """Entries that are made of segments, until there are `count`. Segments are bytes, or words of `unit` bytes."""

    def __init__(self, segments: list[int], count: int, unit: int) -> None:
        self.made: list[int] = []
        self._segments = segments
        self._count = count
        self._unit = unit
        self._steps_left = MAX_ENTRIES

    def follow(self, at: int, most: int, is_repeated: bool = False) -> None:
        """Make the entries of up to `most` segments from a place on.

        Raises IndexError or ValueError for those that make no sense or are too many.
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
                raise ValueError("a segment that makes no sense")
