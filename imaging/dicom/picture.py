"""The single frame of a DICOM file as a viewer shows it first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.pixels.processing import convert_color_space

from imaging.dicom.elements import first, number
from imaging.dicom.frame import Numbers, values_of, words
from imaging.dicom.grey import Range, rounded, to_grey
from imaging.dicom.layout import INVERTED, PALETTE, RGB, YBR, YBR_422, Layout
from imaging.dicom.tables import palette
from imaging.errors import ImageError, UnsupportedImage
from imaging.pixels import Deep, Ends, Rgb, bits_used, few_rows, grey_to_rgb, looked_up

Plane = npt.NDArray[Any]
"""Words (rows, columns)."""
TABLE_BYTES = 2
"""Words of up to so many bytes are shown by a table of all possible words, which costs less than it saves."""
DEEPEST = 2**16 - 1
SAMPLE = 256
"""Of larger words, about so many of each few rows are sampled."""


def pixels(data: Any, layout: Layout, ends: Ends | None = None) -> Rgb:
    """The picture, uint8 RGB (height, width, 3). No other element of the file, such as patient data, is read.

    Grey values go through the file's own modality and VOI tables or window, wherever it keeps them. Without these,
    unsigned values are narrowed by the bits that count, or by `pixels.bits_used` if the file leaves that open; signed
    integers and floats are stretched from darkest to brightest. Of colour the upper 8 of the bits that count are kept.
    `ends` are words of other pictures that are to be shown alike, `ends_of` for each of them: they alone say then what is
    black and white, and what lies beyond is.
    Raises UnsupportedImage, TruncatedImage, ImageTooComplex or ImageError.
    """
    with np.errstate(all="ignore"):
        stored, photometric = words(data, layout)
        if layout.samples == 3:
            return _colour(stored, photometric, layout, ends)
        if photometric == PALETTE:
            return _by_palette(stored, data, layout, ends)
        return grey_to_rgb(_grey(stored, data, layout, ends))


def ends_of(data: Any, layout: Layout) -> Ends:
    """The least and the greatest word of a picture. Raises as `pixels`."""
    with np.errstate(all="ignore"):
        stored, _ = words(data, layout)
        planes = [stored] if stored.ndim == 2 else [stored[:, :, channel] for channel in range(3)]
        used = [_used(plane, _padding(data, layout, plane.dtype)) for plane in planes]
        return np.array([min(some.min() for some in used), max(some.max() for some in used)], stored.dtype)


def deep(data: Any, layout: Layout, ends: Ends | None = None) -> Deep | None:
    """The values themselves, of 8 or 16 bits, and which are black and white; None for colour. Raises as `pixels`.

    Values below zero are moved up to begin at 0; those of more than 16 bits, and floats, are spread over 16 bits.
    """
    if layout.samples == 3 or layout.photometric == PALETTE:
        return None
    with np.errstate(all="ignore"):
        stored, _ = words(data, layout)
        used = _used(stored, _padding(data, layout, stored.dtype))
        to_values, values, (alike, bits) = _valued(layout, ends, used)
        as_stored = _as_stored(layout, bits, alike)
        shown = to_grey(data, values, as_stored)
        if _is_small(stored):
            found = to_values(stored)
            least, step = -float(1 << layout.stored - 1) if layout.is_signed else 0.0, 1.0
            there_may_be = to_values(_domain(stored))
            is_in_order = bool((np.diff(there_may_be) > 0).all())
            black, white = shown.ends(there_may_be if is_in_order else np.unique(there_may_be))
        else:
            spread = alike if shown.stage is as_stored else values
            least, step = float(spread.min()), (float(np.ptp(spread)) or 1.0) / DEEPEST
            black, white = shown.ends(np.linspace(spread.min(), spread.max(), DEEPEST + 1))
            found = np.empty(stored.shape, np.float64)
            for rows in few_rows(*stored.shape):
                found[rows] = np.rint((to_values(stored[rows]) - least) / step)
        black, white = (black - least) / step, (white - least) / step
        kind = np.uint8 if _is_small(stored) and layout.allocated <= 8 else np.uint16
        moved = np.nan_to_num(found.astype(np.int32) - int(least) if step == 1.0 else found)
        inverted = layout.photometric == INVERTED
        return Deep(
            np.clip(moved, 0, np.iinfo(kind).max).astype(kind),
            *((white, black) if inverted else (black, white)),
        )


def _grey(stored: Plane, data: Any, layout: Layout, ends: Ends | None) -> npt.NDArray[np.uint8]:
    padding = _padding(data, layout, stored.dtype)
    to_values, values, (alike, bits) = _valued(layout, ends, _used(stored, padding))
    shown = to_grey(data, values, _as_stored(layout, bits, alike))
    inverted = layout.photometric == INVERTED

    def show(some: Numbers) -> npt.NDArray[np.uint8]:
        grey = shown(to_values(some))
        return np.where(_is_used(some, padding), 255 - grey if inverted else grey, np.uint8(0))

    return _mapped(stored, show)


def _by_palette(stored: Plane, data: Any, layout: Layout, ends: Ends | None) -> Rgb:
    if layout.is_float or stored.dtype.itemsize > TABLE_BYTES:
        raise UnsupportedImage("DICOM files with a palette are read when their values have 8 or 16 bits.")
    to_values, values, _ = _valued(layout, ends, _used(stored))
    least = float(values.min())
    colours = first(data, lambda place: palette(place, least))
    if colours is None:
        raise ImageError("The DICOM file's palette is missing, or has not as many colours as it says.")
    entries = colours(to_values(_domain(stored)))
    made = np.empty((*stored.shape, 3), np.uint8)
    for channel in range(3):
        made[:, :, channel] = looked_up(stored, entries[:, channel], int(np.iinfo(stored.dtype).min))
    return made


def _colour(stored: Numbers, photometric: str, layout: Layout, ends: Ends | None) -> Rgb:
    if photometric not in (RGB, YBR, YBR_422) or layout.is_float:
        raise UnsupportedImage(f"DICOM files with {photometric} colours of this kind are not read.")
    planes = [stored[:, :, channel] for channel in range(3)]
    used = np.concatenate([_used(plane) for plane in planes])
    to_values, values, (alike, possible_bits) = _valued(layout, ends, used)
    if values.min() < 0:
        raise UnsupportedImage("The DICOM file's colours have values below zero.")
    bits = _bits(layout, possible_bits, int(alike.max()))
    made = np.empty(stored.shape, np.uint8)
    for channel, plane in enumerate(planes):
        made[:, :, channel] = _mapped(plane, lambda some: _upper_8_bits(to_values(some), bits))
    if photometric != RGB:
        for rows in few_rows(layout.height, layout.width):
            made[rows] = convert_color_space(made[rows], YBR, RGB)
    return made


def _upper_8_bits(values: Numbers, bits: int) -> npt.NDArray[np.uint8]:
    if bits >= 8:
        return (values >> (bits - 8)).clip(0, 255).astype(np.uint8)
    return rounded(Range(0, (1 << bits) - 1)(values))


def _as_stored(layout: Layout, bits: int, values: Numbers) -> Range:
    """Black and white for values of a file without any window or table."""
    least, greatest = float(values.min()), float(values.max())
    if layout.is_float or least < 0:
        return Range(least, greatest)
    return Range(0, (1 << _bits(layout, bits, int(greatest))) - 1)


def _bits(layout: Layout, bits: int, greatest: int) -> int:
    """How many bits of values from 0 to `greatest` count: as the file declares, unless it declares the whole word."""
    word, declared = layout.allocated - layout.is_signed, bits - layout.is_signed
    return declared if declared < word else bits_used(greatest, word)


def _padding(data: Any, layout: Layout, kind: np.dtype[Any]) -> tuple[float, float] | None:
    """The least and the greatest word of padding, which is no part of the picture (PS3.3, C.7.5.1.1.2), or None."""
    prefix = layout.keyword.removesuffix("PixelData")
    value = first(data, lambda place: number(place, f"{prefix}PixelPaddingValue"))
    limit = first(data, lambda place: number(place, f"{prefix}PixelPaddingRangeLimit"))
    if value is None:
        return None
    ends = [value, value if limit is None else limit]
    if not layout.is_float:  # often written with another sign than the pixels
        ends = [_as_word(end, kind) for end in ends]
    return min(ends), max(ends)


def _as_word(value: float, kind: np.dtype[Any]) -> int:
    unsigned = int(value) & (1 << 8 * kind.itemsize) - 1
    beyond = kind.kind == "i" and unsigned > np.iinfo(kind).max
    return unsigned - (1 << 8 * kind.itemsize) if beyond else unsigned


def _is_used(some: Numbers, padding: tuple[float, float] | None) -> npt.NDArray[np.bool_]:
    """For each word, whether it is part of the picture."""
    used = np.isfinite(some) if some.dtype.kind == "f" else np.ones(some.shape, np.bool_)
    return used if padding is None else used & ((some < padding[0]) | (some > padding[1]))


def _used(stored: Plane, padding: tuple[float, float] | None = None) -> Numbers:
    """The different words of the picture; of large words a sample, with the least and the greatest of all."""
    if _is_small(stored):
        domain, first_word = _domain(stored), int(np.iinfo(stored.dtype).min)
        there = np.zeros(len(domain), np.bool_)
        for rows in few_rows(*stored.shape):
            there[stored[rows].astype(np.int32) - first_word] = True
        used = domain[there & _is_used(domain, padding)]
    else:
        used = np.concatenate([_sample(stored[rows], padding) for rows in few_rows(*stored.shape)])
    return used if used.size else np.zeros(1, stored.dtype)


def _valued(
    layout: Layout, ends: Ends | None, used: Numbers
) -> tuple[Callable[[Numbers], Numbers], Numbers, tuple[Numbers, int]]:
    """A function from words to values; the values that there are; and those that say what is black and white, with their bits.

    The last are those of the `ends`. Where these are words of another type, or their unused bits are set, they don't tell
    which values are the least and the greatest, and all that there are say it.
    """
    there = used if ends is None else np.concatenate([used, ends])
    to_values, bits = values_of(layout, there.min(), there.max())
    values = to_values(there)
    if ends is None or ends.dtype != used.dtype:
        return to_values, values, (values, bits)
    of_ends, bits_of_ends = values_of(layout, ends.min(), ends.max())
    are_plain = np.array_equal(of_ends(ends), ends)
    return to_values, values, (ends, bits_of_ends) if are_plain else (values, bits)


def _sample(strip: Plane, padding: tuple[float, float] | None) -> Numbers:
    part = strip[_is_used(strip, padding)]
    return np.array(
        [*part[:: 1 + part.size // SAMPLE], *([part.min(), part.max()] if part.size else [])], strip.dtype
    )


def _mapped(stored: Plane, show: Callable[[Numbers], npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Each word as `show` shows it. Of small words, all possible ones are shown once and then looked up."""
    if _is_small(stored):
        return looked_up(stored, show(_domain(stored)), int(np.iinfo(stored.dtype).min))
    made = np.empty(stored.shape, np.uint8)
    for rows in few_rows(*stored.shape):
        made[rows] = show(stored[rows])
    return made


def _is_small(stored: Plane) -> bool:
    return stored.dtype.kind in "iu" and stored.dtype.itemsize <= TABLE_BYTES


def _domain(stored: Plane) -> Numbers:
    """All possible words of the data type, in ascending order."""
    ends = np.iinfo(stored.dtype)
    return np.arange(ends.min, ends.max + 1, dtype=np.int32).astype(stored.dtype)
