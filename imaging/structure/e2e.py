"""The structure of a Heidelberg `.e2e`: chained directories of containers, each of one patient, study, series and slice.

By the descriptions of uocte, LibE2E and eyepy, which agree on it; the maker has published none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from imaging.errors import ImageTooComplex, TruncatedImage

SIGNATURE, SEVERAL = b"CMDb", b"E2EMultipleVolumeFile"
MOVED_BYTES = 64
"""By so many bytes everything stands later in a file that begins with `SEVERAL`."""
DIRECTORY = b"MDbDir"
CONTAINER = b"MDbData"
FIRST_DIRECTORY_AT = 36
DIRECTORY_HEADER = struct.Struct("<36xIII4x")
"""Entries, the newest directory (in the first one), and the one before."""
ENTRY = struct.Struct("<3I4xIIIi2H2I")
"""Place, data, size; patient, study, series, slice; index, type."""
CONTAINER_HEADER_BYTES = 60
MAX_DIRECTORIES = 2**12
"""Each has 512 entries; an eye's volume takes up to forty."""
MAX_ENTRIES = 2**19
EMPTY = 0
NOT_SAID = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A container: whose it is, of which type, and where its data stand."""

    patient: int
    study: int
    series: int
    slice: int
    """Twice the number of the B-scan; -1 for what belongs to a whole series."""
    index: int
    kind: int
    at: int
    """Of the data behind the container's own header."""
    size_bytes: int

    @property
    def owner(self) -> tuple[int, int, int]:
        """The series that it belongs to."""
        return self.patient, self.study, self.series


def entries(content: bytes) -> list[Entry]:
    """All containers, in the order of the file. Raises TruncatedImage, ImageTooComplex for directories without an end."""
    moved = MOVED_BYTES if content.startswith(SEVERAL) else 0
    found: list[Entry] = []
    for at, count in _directories(content, moved):
        at += DIRECTORY_HEADER.size
        room = max(0, len(content) - at) // ENTRY.size
        if len(found) + min(count, room) > MAX_ENTRIES:
            raise ImageTooComplex("The Heidelberg .e2e file has too many entries. Export fewer examinations.")
        listed = memoryview(content)[at : at + min(count, room) * ENTRY.size]
        for place, data_at, size, patient, study, series, slice_, index, _, kind, _ in ENTRY.iter_unpack(
            listed
        ):
            # What has been deleted, or was never filled, stands before itself.
            if kind != EMPTY and data_at > place:
                begins = data_at + moved + CONTAINER_HEADER_BYTES
                found.append(Entry(patient, study, series, slice_, index, kind, begins, size))
    return found


def _directories(content: bytes, moved: int) -> Iterator[tuple[int, int]]:
    """Where each directory begins, the first in the file first, and how many entries it says it has."""
    if len(content) < moved + FIRST_DIRECTORY_AT + DIRECTORY_HEADER.size:
        raise TruncatedImage("The Heidelberg .e2e file ends too early.")
    _, at, _ = DIRECTORY_HEADER.unpack_from(content, moved + FIRST_DIRECTORY_AT)
    seen: dict[int, int] = {}
    while at:
        begins = at + moved
        if begins in seen:
            raise ImageTooComplex("The Heidelberg .e2e file's directories lead back to themselves.")
        if len(seen) >= MAX_DIRECTORIES:
            raise ImageTooComplex(
                "The Heidelberg .e2e file has too many directories. Export fewer examinations."
            )
        if begins + DIRECTORY_HEADER.size > len(content):
            raise TruncatedImage("The Heidelberg .e2e file ends before its directory does.")
        seen[begins], _, at = DIRECTORY_HEADER.unpack_from(content, begins)
    return iter(sorted(seen.items()))
