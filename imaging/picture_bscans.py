"""B-scans that are pictures of their own, such as the pages of a TIFF or the files of a ZIP, shown alike."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from imaging.errors import ImageError
from imaging.pixels import Deep, Ends, Rgb
from imaging.reading import Examined
from imaging.volume import Bscans

LOOKED_AT = 9
"""Pictures, evenly spread, by whose values deep grey is shown alike in all."""


class PictureBscans:
    """Decodes pictures one at a time; each is examined anew, so that none but it is in memory."""

    def __init__(
        self,
        sources: Sequence[Callable[[], Examined]],
        gaps: Mapping[int, str],
        enface: Callable[[], Examined] | None = None,
    ) -> None:
        """`sources` are those of all B-scans, of which the `gaps` are never called."""
        self._sources = sources
        self._gaps = gaps
        self._enface = enface
        self._lock = threading.Lock()
        self._has_looked = False
        self._ends: Ends | None = None

    def picture(self, index: int) -> Rgb:
        return self._sources[index]().decode_here(self._common_ends()).pixels

    def deep(self, index: int) -> Deep | None:
        return self._sources[index]().deep_here(self._common_ends())

    def enface(self) -> Rgb | None:
        return None if self._enface is None else self._enface().decode_here().pixels

    def close(self) -> None:
        """There is nothing to give back."""

    def _common_ends(self) -> Ends | None:
        with self._lock:
            if not self._has_looked:
                self._ends = self._looked()
                self._has_looked = True
            return self._ends

    def _looked(self) -> Ends | None:
        there = [place for place in range(len(self._sources)) if place not in self._gaps]
        found = []
        for chosen in np.unique(np.linspace(0, len(there) - 1, min(LOOKED_AT, len(there))).astype(int)):
            try:
                ends = self._sources[there[chosen]]().ends_here()
            except ImageError:  # whoever asks for this B-scan is told
                continue
            if ends is None:
                return None
            found.append(ends)
        if not found or len({ends.dtype for ends in found}) > 1:
            return None
        return np.array([min(ends[0] for ends in found), max(ends[1] for ends in found)], found[0].dtype)


class WithEnface:
    """The B-scans of one file, and the en-face image of another."""

    def __init__(self, bscans: Bscans, enface: Callable[[], Examined]) -> None:
        self._bscans = bscans
        self._enface = enface

    def picture(self, index: int) -> Rgb:
        return self._bscans.picture(index)

    def deep(self, index: int) -> Deep | None:
        return self._bscans.deep(index)

    def enface(self) -> Rgb:
        return self._enface().decode_here().pixels

    def close(self) -> None:
        self._bscans.close()
