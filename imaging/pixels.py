"""Pixels of any file format: how many there may be, and how 16-bit grey becomes 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.errors import ImageTooLarge, ImageTooSmall

Rgb = npt.NDArray[np.uint8]
"""8-bit RGB, shape (height, width, 3)."""

Ends = npt.NDArray[Any]
"""The least and the greatest value of pictures that belong together, in the type that their pixels have."""

MAX_PIXELS = 40_000_000
MAX_SIDE = 65_500
"""No JPEG can be longer (libjpeg's JPEG_MAX_DIMENSION), and an overlay may have to be one."""
MIN_SIDE = 32
MAX_MEMORY_BYTES = 8 * MAX_PIXELS
"""Memory to decode one file. Forty megapixels of colour take 280 MB in the copies of Pillow and NumPy."""
ROWS_AT_ONCE = 256
"""Large pictures are converted in strips: intermediate arrays of a whole one would take several times its memory."""
FEW_PIXELS = 2**17
"""Pixels of a strip where every step makes arrays of 64-bit numbers."""
GREY_DEPTHS = (8, 10, 12, 14)
"""Bits per pixel that devices record in 16-bit files, if fewer than 16."""


@dataclass(frozen=True)
class Picture:
    """A decoded image as a person sees it: upright, colours applied, transparency on black."""

    pixels: Rgb
    media_type: str

    def __post_init__(self) -> None:
        """Raises ValueError for pixels of another shape or type, which could not be stored and read again."""
        if self.pixels.dtype != np.uint8 or self.pixels.shape[2:] != (3,) or not self.pixels.size:
            raise ValueError(f"{self.pixels.dtype} pixels of shape {self.pixels.shape} are no picture")

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


@dataclass(frozen=True)
class Deep:
    """The values of grey pixels as the device recorded them: uint8 or uint16 (height, width)."""

    values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    black: float
    """The value that is shown black: the greater of the two where the file counts downwards."""
    white: float


def check_size(width: int, height: int) -> None:
    """Refuse an image by its header, before its pixels take memory. Raises ImageTooLarge or ImageTooSmall."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageTooLarge(
            f"The image has {width} × {height} pixels; at most {MAX_PIXELS // 1_000_000} megapixels "
            f"and {MAX_SIDE} pixels a side are read."
        )
    if min(width, height) < MIN_SIDE:
        raise ImageTooSmall(f"The image has {width} × {height} pixels; each side needs at least {MIN_SIDE}.")


def check_memory(needed_bytes: float, file_format: str) -> None:
    """Refuse a file whose decoder would need more memory than one file gets. Raises ImageTooLarge."""
    if needed_bytes > MAX_MEMORY_BYTES:
        raise ImageTooLarge(
            f"Decoding this {file_format} file would take {needed_bytes / 1e6:.0f} MB of memory; "
            f"up to {MAX_MEMORY_BYTES / 1e6:.0f} are given. Save it in 8 bits as PNG or baseline JPEG, or make it smaller."
        )


def strips(height: int) -> Iterator[slice]:
    """The rows of a picture in strips of `ROWS_AT_ONCE`."""
    return (slice(top, min(top + ROWS_AT_ONCE, height)) for top in range(0, height, ROWS_AT_ONCE))


def few_rows(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture in strips of some `FEW_PIXELS`, for steps that take much memory for each pixel."""
    at_once = max(1, FEW_PIXELS // width)
    return (slice(top, min(top + at_once, height)) for top in range(0, height, at_once))


def bits_used(brightest: int, word: int = 16) -> int:
    """How many of a word's `word` bits a device used, when the greatest value of a picture is `brightest`.

    Files seldom declare it, so the smallest usual depth that holds `brightest` is taken. 12-bit data in a 16-bit file
    are then neither black nor stretched to noise.
    """
    most = word if word <= 16 else max(16, brightest.bit_length())
    return next((bits for bits in GREY_DEPTHS if brightest < 1 << bits and bits < most), most)


def to_8_bit(values: npt.NDArray[np.uint16], white: int) -> npt.NDArray[np.uint8]:
    """Scale 16-bit values from 0 to `white` to 8 bits; none may be above `white`."""
    if white == 255:
        return values.astype(np.uint8)
    return looked_up(
        values, ((np.arange(white + 1, dtype=np.uint32) * 255 + white // 2) // white).astype(np.uint8)
    )


def looked_up(
    values: npt.NDArray[Any], table: npt.NDArray[np.uint8], first: int = 0
) -> npt.NDArray[np.uint8]:
    """Map integers (height, width) by a table whose first entry belongs to the value `first`."""
    mapped = np.empty(values.shape, np.uint8)
    for rows in strips(len(values)):
        # NumPy would copy an index of another type into 64-bit integers.
        mapped[rows] = table[values[rows].astype(np.int32) - first]
    return mapped


def grey_to_rgb(grey: npt.NDArray[np.uint8]) -> Rgb:
    """Grey (height, width) as RGB (height, width, 3), a view whose channels share its memory."""
    return np.broadcast_to(grey[:, :, None], (*grey.shape, 3))


def grey_of(pixels: Rgb) -> npt.NDArray[np.uint8] | None:
    """The grey (height, width) of a picture whose three channels are equal; None for colour."""
    red = pixels[:, :, 0]
    if pixels.strides[2] == 0:  # made by `grey_to_rgb`
        return red
    for rows in strips(len(pixels)):
        if not (
            np.array_equal(pixels[rows, :, 1], red[rows]) and np.array_equal(pixels[rows, :, 2], red[rows])
        ):
            return None
    return np.ascontiguousarray(red)
