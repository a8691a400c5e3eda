"""The stored words of a DICOM file's single frame, and the values that they hold."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEGTransferSyntaxes

from imaging.dicom.elements import quoted
from imaging.dicom.file import pixel_bytes
from imaging.dicom.layout import RGB, Layout
from imaging.errors import TruncatedImage, UnsupportedImage

Numbers = npt.NDArray[Any]


def words(data: Any, layout: Layout) -> tuple[Numbers, str]:
    """Decode the frame to integers or floats, (rows, columns) or (rows, columns, 3).

    The second value is the photometric interpretation after decoding. Raises UnsupportedImage, and TruncatedImage for
    pixels that end too early or are damaged.
    """
    try:
        decoder = get_decoder(layout.syntax)
    except NotImplementedError:
        decoder = None
    name = quoted(getattr(layout.syntax, "name", layout.syntax))
    if decoder is None or not decoder.is_available:
        raise UnsupportedImage(f"DICOM files in the transfer syntax {name} are not read.")
    try:
        decoded, facts = decoder.as_array(
            pixel_bytes(data, layout.keyword), raw=True, **_options(data, layout)
        )
    except (NotImplementedError, RuntimeError) as error:
        raise UnsupportedImage(
            f"The DICOM file's pixels ({name}) are damaged or of a kind that is not read."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # pydicom and the decoders behind it raise all kinds on damaged data.
        raise TruncatedImage("The DICOM file's pixels end too early or are damaged.") from error
    if layout.is_compressed and _is_by_adobe(data, layout):
        return decoded, RGB
    return decoded, str(facts["photometric_interpretation"])


def _is_by_adobe(data: Any, layout: Layout) -> bool:
    """Whether a JPEG declares its colours by Adobe's marker; its decoder then returns RGB."""
    if layout.syntax not in JPEGTransferSyntaxes or layout.samples != 3:
        return False
    stream = get_frame(pixel_bytes(data, layout.keyword), 0, number_of_frames=1)
    return "adobe_transform" in Image.open(io.BytesIO(stream), formats=["JPEG"]).info


def _options(data: Any, layout: Layout) -> dict[str, Any]:
    """The options of pydicom's decoder, from the layout alone, whatever the file's elements say."""
    return {
        "view_only": True,
        "correct_unused_bits": False,
        "allow_excess_frames": False,
        "number_of_frames": 1,
        "pixel_keyword": layout.keyword,
        "pixel_vr": data.get_item(layout.keyword, keep_deferred=True).VR,
        "rows": layout.height,
        "columns": layout.width,
        "samples_per_pixel": layout.samples,
        "planar_configuration": layout.planar,
        "photometric_interpretation": layout.photometric,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.is_signed),
    }


def values_of(layout: Layout, least: float, greatest: float) -> tuple[Callable[[Numbers], Numbers], int]:
    """A function from words between `least` and `greatest` to their values, and how many bits the values may have.

    Unused bits are masked only if some are set: most files fill them with zeros or the sign.
    """
    bits = layout.stored
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if layout.is_signed else (0, (1 << bits) - 1)
    if layout.is_float or (low <= least and greatest <= high):
        return _unchanged, bits
    if (
        layout.is_compressed
    ):  # a decoder sets no unused bits, so the values have more bits than the file declares
        return _unchanged, layout.allocated
    shift = layout.high_bit + 1 - bits

    def masked(stored: Numbers) -> Numbers:
        values = stored.astype(np.int64) >> shift & (1 << bits) - 1
        return np.where(values > high, values - (1 << bits), values)

    return masked, bits


def _unchanged(stored: Numbers) -> Numbers:
    return stored
