"""Which values of 16-bit and deeper grey are black and white: as a PNG or TIFF declares, or else by its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from imaging.pixels import Ends, bits_used, few_rows
from imaging.structure import tiff_tags

Values = npt.NDArray[Any]

SIGNIFICANT = b"sBIT"
"""The PNG chunk that says how many bits were recorded (W3C, "PNG Specification", section 11.3.2.7)."""
SIGNED = 2
"""The value of TIFF's sample format that stands for signed integers."""


def white_of(image: Image.Image, content: bytes, brightest: int) -> int:
    """The value that is white in an image of 16-bit words from 0 to `brightest`.

    It is the one that the file declares. If the file declares no more than 16 bits, `pixels.bits_used` decides.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        word = image.tag_v2.get(tiff_tags.BITS_PER_SAMPLE, (16,))[0] - _is_format(image, SIGNED)
        stated = max(_tag_numbers(image, tiff_tags.MAX_SAMPLE_VALUE, tiff_tags.SMAX_SAMPLE_VALUE), default=0)
        full = (1 << word) - 1
        if word < 15:
            return int(full)
        # Many writers state the greatest value that occurs rather than the greatest that is possible.
        if brightest <= stated < full:
            return int(stated) if _is_all_ones(int(stated)) else (1 << bits_used(int(stated), word)) - 1
        return (1 << bits_used(brightest, word)) - 1
    bits = _significant_bits(content)
    if bits is None or bits >= 16:
        return (1 << bits_used(brightest)) - 1
    # The bits should be the upper ones of a word; where a writer used the lower ones, the picture would be black.
    return (1 << bits) - 1 if brightest < 1 << bits else 65_535


def deep_grey(image: Image.Image, ends: Ends | None = None) -> npt.NDArray[np.uint8]:
    """Signed grey, or grey of 32 bits or more, as 8 bits (height, width).

    Black and white are those that the file declares. Otherwise integers without a negative value are narrowed by
    `pixels.bits_used`, and other values are stretched from darkest to brightest.
    `ends` are the least and the greatest value of other pictures that are to be shown alike, which say it then instead.
    """
    black, white = _black_and_white(image, ends)
    grey = np.zeros((image.height, image.width), np.uint8)
    for rows in few_rows(image.height, image.width):
        values = _strip(image, rows).astype(np.float64)
        shown = (values - black) * (255 / ((white - black) or 1))
        grey[rows] = np.rint(np.clip(np.nan_to_num(shown, nan=0), 0, 255))
    return grey


def deep_ends(image: Image.Image) -> Ends | None:
    """The least and the greatest finite value of signed grey, or grey of 32 bits or more; None without any."""
    found = []
    for rows in few_rows(image.height, image.width):
        values = _strip(image, rows)
        finite = values[np.isfinite(values)]
        found += [finite.min(), finite.max()] if finite.size else []
    return np.array([min(found), max(found)]) if found else None


def _black_and_white(image: Image.Image, ends: Ends | None) -> tuple[float, float]:
    """The values that are shown black and white."""
    ends = deep_ends(image) if ends is None else ends
    if ends is None:  # not one finite value
        return 0, 1
    darkest, brightest = float(ends[0]), float(ends[1])
    smallest, largest = (
        _tag_numbers(image, tag) for tag in (tiff_tags.SMIN_SAMPLE_VALUE, tiff_tags.SMAX_SAMPLE_VALUE)
    )
    if (
        smallest
        and largest
        and smallest[0] <= darkest < brightest <= largest[0]
        and _is_narrower(image, largest[0])
    ):
        return smallest[0], largest[0]
    if image.mode == "F" or darkest < 0:
        return darkest, brightest
    return 0, (1 << bits_used(int(brightest), 32)) - 1


def _is_narrower(image: Image.Image, largest: float) -> bool:
    """Whether a declared largest value is less than the greatest that a 32-bit word can hold."""
    return image.mode == "F" or largest < (1 << 31) - 1


def _strip(image: Image.Image, rows: slice) -> Values:
    values = np.asarray(image.crop((0, rows.start, image.width, rows.stop)))
    return values if image.mode == "F" or _is_format(image, SIGNED) else values.view(np.uint32)


def _is_format(image: Image.Image, sample_format: int) -> bool:
    return isinstance(image, TiffImagePlugin.TiffImageFile) and sample_format in image.tag_v2.get(
        tiff_tags.SAMPLE_FORMAT, ()
    )


def _tag_numbers(image: Image.Image, *tags: int) -> list[float]:
    """The finite numbers of a TIFF's tags; a tag has one for each sample of a pixel, or one for all."""
    found: list[float] = []
    for tag in tags if isinstance(image, TiffImagePlugin.TiffImageFile) else ():
        value = image.tag_v2.get(tag)  # type: ignore[attr-defined]
        several = value if isinstance(value, tuple) else (value,)
        found += [float(one) for one in several if isinstance(one, int | float) and np.isfinite(one)]
    return found


def _is_all_ones(value: int) -> bool:
    return value & (value + 1) == 0


def _significant_bits(content: bytes) -> int | None:
    """How many bits of a PNG's first channel were recorded, by its sBIT chunk before the pixels; None without one."""
    at = content.find(SIGNIFICANT, 0, content.find(b"IDAT"))
    return content[at + 4] or None if at > 0 else None
