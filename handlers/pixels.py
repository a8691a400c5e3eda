"""What holds for the pixels of every image, whatever its file format: how many there may be, how deep grey becomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from handlers.errors import ImageTooLarge, ImageTooSmall

Rgb = npt.NDArray[np.uint8]
"""8-bit RGB, shape (height, width, 3)."""

MAX_PIXELS = 40_000_000
MAX_SIDE = 65_500
"""No JPEG can be longer (libjpeg's JPEG_MAX_DIMENSION), and an overlay may have to be one."""
MIN_SIDE = 32
GREY_DEPTHS = (8, 10, 12, 14, 16)
"""Bits per pixel that devices record in 16-bit files."""


@dataclass(frozen=True)
class Picture:
    """A decoded image as a person sees it: upright, colours applied, transparency on black."""

    pixels: Rgb
    media_type: str

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


def check_size(width: int, height: int) -> None:
    """Refuse an image by its header, before its pixels take memory. Raises ImageTooLarge or ImageTooSmall."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageTooLarge(
            f"The image has {width} × {height} pixels; at most {MAX_PIXELS // 1_000_000} megapixels "
            f"and {MAX_SIDE} pixels a side are read."
        )
    if min(width, height) < MIN_SIDE:
        raise ImageTooSmall(f"The image has {width} × {height} pixels; each side needs at least {MIN_SIDE}.")


def to_8_bit(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """16-bit values as 8-bit, black staying black.

    Files seldom say how many of the 16 bits the device used, so the smallest usual depth that holds the brightest
    value counts as white: 12-bit data in a 16-bit file come out neither black nor stretched to noise.
    """
    brightest = int(values.max())
    depth = next(bits for bits in GREY_DEPTHS if brightest < 1 << bits)
    if depth == 8:
        return values.astype(np.uint8)
    white = (1 << depth) - 1
    table = (np.arange(white + 1, dtype=np.uint32) * 255 + white // 2) // white
    narrowed: npt.NDArray[np.uint8] = table.astype(np.uint8)[values]
    return narrowed


def grey_to_rgb(grey: npt.NDArray[np.uint8]) -> Rgb:
    """The same grey (height, width) in three channels."""
    return np.repeat(grey[:, :, None], 3, axis=2)
