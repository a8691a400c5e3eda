"""B-scans whose values stand in a file as they are: shown alike, by what is white in all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.errors import ImageError
from imaging.pixels import Deep, Rgb, bits_used, few_rows, grey_to_rgb, to_8_bit

Values = npt.NDArray[Any]
"""uint8, uint16 or floats, (height, width)."""

LOOKED_AT = 9
"""B-scans, evenly spread, by whose values all are shown alike."""
GREATEST_WORD = 2**16 - 1
BYTES_OF_PIXEL = 4 + 2 * 4 + 3
"""Memory that a pixel takes at most while its B-scan is shown, beside the file: its value, some steps, and the picture."""


class RawBscans:
    """Shows B-scans that a function takes out of a file."""

    def __init__(
        self,
        values: Callable[[int], Values],
        there: Sequence[int],
        enface: Callable[[], Rgb | None] = lambda: None,
        white: int | None = None,
    ) -> None:
        """`there` are the B-scans that are no gaps; without `white`, words are shown up to the bits that the device used,
        and floats from the least to the greatest.
        """
        self._values = values
        self._there = there
        self._enface = enface
        self._white = white
        self._lock = threading.Lock()
        self._ends: tuple[float, float] | None = None

    def picture(self, index: int) -> Rgb:
        kept = self.deep(index)
        if kept.values.dtype == np.uint8:
            return grey_to_rgb(np.ascontiguousarray(kept.values))
        white = int(kept.white)
        return grey_to_rgb(to_8_bit(np.minimum(kept.values.astype(np.uint16, copy=False), white), white))

    def deep(self, index: int) -> Deep:
        values = self._values(index)
        if values.dtype == np.uint8:
            return Deep(values, 0.0, 255.0)
        if values.dtype.kind == "f":
            return Deep(_spread(values, *self._common_ends()), 0.0, float(GREATEST_WORD))
        white = self._white or (1 << bits_used(int(self._common_ends()[1]))) - 1
        return Deep(values.astype(np.uint16, copy=False), 0.0, float(white))

    def enface(self) -> Rgb | None:
        return self._enface()

    def close(self) -> None:
        """There is nothing to give back."""

    def _common_ends(self) -> tuple[float, float]:
        with self._lock:
            if self._ends is None:
                self._ends = self._looked()
            return self._ends

    def _looked(self) -> tuple[float, float]:
        least, greatest = np.inf, -np.inf
        there = self._there
        for chosen in np.unique(np.linspace(0, len(there) - 1, min(LOOKED_AT, len(there))).astype(int)):
            try:
                values = self._values(there[chosen])
            except ImageError:  # whoever asks for this B-scan is told
                continue
            known = values[np.isfinite(values)]
            if known.size:
                least, greatest = min(least, float(known.min())), max(greatest, float(known.max()))
        return (least, greatest) if least <= greatest else (0.0, 0.0)


def _spread(values: Values, black: float, white: float) -> npt.NDArray[np.uint16]:
    """Floats as 16-bit words from black to white; what is no number is black."""
    found = np.empty(values.shape, np.uint16)
    with np.errstate(all="ignore"):
        for rows in few_rows(*values.shape):
            shown = (values[rows].astype(np.float64) - black) * (GREATEST_WORD / ((white - black) or 1))
            found[rows] = np.rint(np.clip(np.nan_to_num(shown, nan=0.0), 0, GREATEST_WORD))
    return found
