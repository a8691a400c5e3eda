"""A volume: B-scans in order, where each lies on the en-face image, and how far apart everything is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from imaging.dicom_identity import Identity
from imaging.errors import TruncatedImage
from imaging.pixels import Picture, Rgb
from imaging.reading import refusing_what_fails

MAX_BSCANS = 1024
"""Of a volume. Devices take 1 to 512."""
MAX_VOLUME_PIXELS = 2**30
"""Of all B-scans together: 1,024 of 1,024 × 1,024."""


@dataclass(frozen=True)
class Place:
    """The line of a B-scan on the en-face image: its first column's end and its last column's end.

    In pixels of the en-face image, from its upper left corner; the middle of the first pixel is 0.5, 0.5.
    """

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Spacing:
    """Micrometres from a pixel to the next, and from a B-scan to the next; None where the file doesn't say it."""

    x: float | None = None
    """Along a B-scan."""
    z: float | None = None
    """In depth."""
    between: float | None = None
    """From a B-scan to the next; None for a single one and for a pattern that is no raster."""


@dataclass(frozen=True)
class Deep:
    """The values of a grey B-scan as the device recorded them: uint8 or uint16 (height, width)."""

    values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    black: float
    """The value that `ExaminedVolume.bscan` shows black, which may be the greater one."""
    white: float


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
    is_apart: bool
    """Whether B-scans are decoded in a process of their own."""
    _bscans: Bscans = field(repr=False)
    spacing: Spacing = Spacing()
    places: tuple[Place | None, ...] = ()
    """For each B-scan; all None where the file doesn't say it."""
    names: tuple[str, ...] = ()
    """What the file calls each B-scan, such as "frame 7" or "B07.png": never more than a file's own name."""
    gaps: Mapping[int, str] = field(default_factory=dict)
    """B-scans that are missing in the file, with a sentence that says what of which is. The others are whole as far as
    a header tells."""
    has_enface: bool = False
    identity: Identity = field(default_factory=Identity, repr=False)
    """Eye, patient, date and device: to be kept by the same rules as those of a picture."""
    pattern: str = ""
    """How the B-scans lie: one of `PATTERNS`, "" where the file doesn't say it."""

    def bscan(self, index: int) -> Picture:
        """A B-scan as `decoding.decode` would give it, all of a volume by one window.

        Raises TruncatedImage for a gap, ImageError for one that is damaged (others may be whole), ImageTooComplex when it
        takes too much time or memory, Busy when a process of its own was not done in time; IndexError.
        """
        return Picture(self._decoded(index, self._bscans.picture), self.media_type)

    def deep(self, index: int) -> Deep | None:
        """A B-scan's own values, as the file has them; None for colour. Raises as `bscan`."""
        return self._decoded(index, self._bscans.deep)

    def enface(self) -> Picture | None:
        """The en-face image (SLO, fundus); None without one. Raises as `bscan`."""
        if not self.has_enface:
            return None
        with refusing_what_fails("en-face image"):
            found = self._bscans.enface()
            return None if found is None else Picture(found, self.media_type)

    def close(self) -> None:
        """End the process in which B-scans are decoded, if there is one."""
        self._bscans.close()

    def __enter__(self) -> ExaminedVolume:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decoded(self, index: int, decode: Callable[[int], Any]) -> Any:
        if not 0 <= index < self.count:
            raise IndexError(f"the volume has {self.count} B-scans, and {index} is none of them")
        if index in self.gaps:
            raise TruncatedImage(self.gaps[index])
        with refusing_what_fails("pixels"):
            return decode(index)


PATTERNS = ("raster", "line", "radial", "circle", "cross")
"""Parallel B-scans; a single one, or one over another; through one point; around the disc; two that cross."""
