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
from pydicom.uid import (
    UID,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGTransferSyntaxes,
)

from imaging.dicom.elements import quoted
from imaging.dicom.file import pixel_bytes
from imaging.dicom.layout import RGB, Layout
from imaging.errors import ImageError, TruncatedImage, UnsupportedImage
from imaging.structure.jpeg import FRAMES, MAX_SEGMENTS

Numbers = npt.NDArray[Any]

BY_LIBJPEG_TURBO: tuple[UID, ...] = (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)
"""What pydicom has no decoder for that may be used here: those that it knows are under the GPL, or read 8 bits alone."""


def words(data: Any, layout: Layout) -> tuple[Numbers, str]:
    """Decode the frame to integers or floats, (rows, columns) or (rows, columns, 3).

    The second value is the photometric interpretation after decoding. Raises UnsupportedImage, and TruncatedImage for
    pixels that end too early or are damaged.
    """
    if layout.syntax in BY_LIBJPEG_TURBO:
        return _by_libjpeg_turbo(data, layout)
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


def _by_libjpeg_turbo(data: Any, layout: Layout) -> tuple[Numbers, str]:
    """Decode a JPEG of 12 bits, or a lossless one. Raises UnsupportedImage, ImageError, and TruncatedImage as `words`."""
    name = quoted(layout.syntax.name)
    try:
        # Loaded where it is needed alone.
        import imagecodecs
    except ImportError as error:
        raise UnsupportedImage(
            f"DICOM files in the transfer syntax {name} are read where imagecodecs is installed, which this server lacks."
        ) from error
    try:
        stream = get_frame(pixel_bytes(data, layout.keyword), 0, number_of_frames=1)
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise TruncatedImage("The DICOM file's pixels end too early or are damaged.") from error
    if _frame_of_jpeg(stream) != (layout.height, layout.width, layout.samples):
        raise ImageError("The DICOM file contradicts itself: its JPEG has another size than it says.")
    try:
        # Colours as they are stored: what they mean is said outside of the JPEG.
        same = None if layout.samples == 1 else "rgb"
        found = np.asarray(imagecodecs.jpeg8_decode(stream, colorspace=same, outcolorspace=same))
    except MemoryError:
        raise
    except Exception as error:  # imagecodecs raises all kinds on damaged data.
        raise TruncatedImage("The DICOM file's pixels end too early or are damaged.") from error
    shape = (layout.height, layout.width) if layout.samples == 1 else (layout.height, layout.width, 3)
    if found.shape != shape or found.dtype.itemsize * 8 > layout.allocated:
        raise ImageError(
            "The DICOM file contradicts itself: its JPEG has another size or depth than it says."
        )
    kind = np.dtype(f"{'i' if layout.is_signed else 'u'}{layout.allocated // 8}")
    if found.dtype.itemsize * 8 == layout.allocated:
        return found.view(kind), layout.photometric
    return found.astype(kind), layout.photometric


def _frame_of_jpeg(stream: bytes) -> tuple[int, int, int] | None:
    """Height, width and samples by a JPEG's frame header; None where there is none among its first segments."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        marker, length = stream[at : at + 2], int.from_bytes(stream[at + 2 : at + 4], "big")
        if len(marker) < 2 or marker[0] != 0xFF:
            return None
        if marker[1] in FRAMES:
            height, width = (int.from_bytes(stream[at + place : at + place + 2], "big") for place in (5, 7))
            return height, width, stream[at + 9] if at + 9 < len(stream) else 0
        at += 2 + length
    return None


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
