"""A volume: B-scans in order, where each lies on the en-face image, and how far apart everything is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, TypeVar

from imaging.dicom.origin import Origin
from imaging.dicom_identity import Identity
from imaging.errors import ImageTooComplex, TruncatedImage
from imaging.geometry import Place, Spacing
from imaging.pixels import Deep, Picture, Rgb
from imaging.refusing import refusing_unreadable

__all__ = ["MAX_BSCANS", "Bscans", "Deep", "ExaminedVolume", "Place", "Spacing", "check_count"]

MAX_BSCANS = 1024
"""Of a volume. Devices take 1 to 512."""

Decoded = TypeVar("Decoded")


def check_count(count: int, file_format: str) -> None:
    """Raise ImageTooComplex for more B-scans than a volume may have."""
    if count > MAX_BSCANS:
        raise ImageTooComplex(
            f"The {file_format} file holds {count:,} B-scans; volumes of up to {MAX_BSCANS:,} are read. Send it in parts."
        )


class Bscans(Protocol):
    """What decodes a volume, a B-scan at a time, in any order and more than once."""

    def picture(self, index: int) -> Rgb:
        """A B-scan in 8 bits. Raises ImageError, Busy."""

    def deep(self, index: int) -> Deep | None:
        """A B-scan's own values; None for colour. Raises ImageError, Busy."""

    def enface(self) -> Rgb | None:
        """The en-face image in 8 bits. Raises ImageError, Busy."""

    def close(self) -> None:
        """Give back what decoding keeps, such as a process of its own."""


@dataclass(frozen=True)
class ExaminedVolume:
    """A volume that can probably be decoded, of which no pixel has been looked at.

    Use it with `with`, or call `close`: compressed B-scans are decoded in a process of their own, which lives as long.
    """

    media_type: str
    format_name: str
    """As people write it, such as "DICOM"."""
    count: int
    """B-scans, those that are missing included: 1 to `MAX_BSCANS`."""
    width: int
    height: int
    """Of each B-scan, in pixels."""
    memory_bytes: int
    """What decoding takes at most, one B-scan at a time, with the file's own bytes and a process of its own."""
    is_isolated: bool
    """Whether B-scans are decoded in a process of their own."""
    _bscans: Bscans = field(repr=False)
    spacing: Spacing = field(default_factory=Spacing)
    places: tuple[Place | None, ...] = ()
    """For each B-scan; all None where the file doesn't say it."""
    names: tuple[str, ...] = ()
    """What the file calls each B-scan, such as "frame 7" or "B07.png": never more than a file's own name."""
    gaps: Mapping[int, str] = field(default_factory=dict)
    """B-scans that are missing in the file, with a sentence that says what of which is. The others are whole as far as
    a header tells."""
    has_enface: bool = False
    enface_uid: str = field(default="", repr=False)
    """The DICOM instance that the places are on, where the file names one; it may not be there."""
    identity: Identity = field(default_factory=Identity, repr=False)
    """Eye, patient, date and device: to be kept by the same rules as those of a picture."""
    origin: Origin | None = field(default=None, repr=False)
    """Of DICOM, whose it is and which instances, for what is sent back; it may be kept only where that is wanted."""
    pattern: str = ""
    """How the B-scans lie: one of `geometry.PATTERNS`, "" where the file doesn't say it."""

    def bscan(self, index: int) -> Picture:
        """A B-scan as `decoding.decode` would give it, all of a volume by one window.

        Raises TruncatedImage for a gap, ImageError for one that is damaged (others may be whole), ImageTooComplex when it
        takes too much time or memory, Busy when a process of its own was not done in time or can't be started, OSError
        when the disk is full; IndexError.
        """
        return Picture(self._decoded(index, self._bscans.picture), self.media_type)

    def deep(self, index: int) -> Deep | None:
        """A B-scan's own values, as the file has them; None for colour. Raises as `bscan`."""
        return self._decoded(index, self._bscans.deep)

    def enface(self) -> Picture | None:
        """The en-face image (SLO, fundus); None without one. Raises as `bscan`."""
        if not self.has_enface:
            return None
        with refusing_unreadable("en-face image"):
            found = self._bscans.enface()
            return None if found is None else Picture(found, self.media_type)

    def close(self) -> None:
        """End the process in which B-scans are decoded, if there is one."""
        self._bscans.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decoded(self, index: int, decode: Callable[[int], Decoded]) -> Decoded:
        if not 0 <= index < self.count:
            raise IndexError(f"the volume has {self.count} B-scans, and {index} is none of them")
        if index in self.gaps:
            raise TruncatedImage(self.gaps[index])
        with refusing_unreadable("pixels"):
            return decode(index)
