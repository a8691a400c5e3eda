"""How large a pixel is, where a file says so."""

from __future__ import annotations

from typing import Any

from imaging import dicom
from imaging.errors import ImageError
from modalities.profile import LEAST_PIXEL, MOST_PIXEL

MICROMETRES_PER_MILLIMETRE = 1000
DIGITS = 9


def pixel_size(header: Any) -> tuple[float, float] | None:
    """Width and height of a pixel in micrometres, by a DICOM file's `dicom.header`; None where it doesn't say it.

    Pixel Spacing (0028,0030) holds the distance of rows, then of columns, in millimetres; in multi-frame files it
    stands in the Pixel Measures Sequence (DICOM PS3.3, C.7.6.16.2.1).
    """
    try:
        return dicom.first(header, _plausible_size)
    except ImageError:
        return None


def _plausible_size(place: Any) -> tuple[float, float] | None:
    spacing = [value for value in dicom.numbers(place, "PixelSpacing") if value is not None]
    # 0.01147 mm are 11.47 µm, and not the 11.469999999999999 that a computer makes of them.
    sizes = [round(value * MICROMETRES_PER_MILLIMETRE, DIGITS) for value in spacing]
    if len(sizes) != 2:
        return None
    rows, columns = sizes
    return plausible_size(columns, rows)


def plausible_size(across: float | None, down: float | None) -> tuple[float, float] | None:
    """A pixel's width and height in micrometres; None where a file says only one, or what no picture can have.

    What a picture of a modality can have, which is less, is in its profile (`modality.facts_for`).
    """
    if (
        across is None
        or down is None
        or not all(LEAST_PIXEL <= size <= MOST_PIXEL for size in (across, down))
    ):
        return None
    return across, down
