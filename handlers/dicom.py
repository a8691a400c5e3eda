"""Decodes a B-scan stored as DICOM into what a viewer shows first."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian

from handlers.errors import ImageError, SeveralImages, TruncatedImage, UnsupportedImage
from handlers.formats import DICOM
from handlers.pixels import Picture, Rgb, check_size, grey_to_rgb, to_8_bit

# What pydicom warns about quotes the values, and those may be a patient's.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

FILE_META_BYTES = 4096
"""The file meta information, which names the transfer syntax, lies within these first bytes."""


def decode(content: bytes) -> Picture:
    """Decode the single frame of a DICOM file.

    Grey values go through the file's own modality and VOI tables or window; without either,
    unsigned values are narrowed like those of any 16-bit file and others stretched from darkest to brightest. Nothing else of the file, such as patient data, is looked at or kept.

    Raises ImageTooLarge, ImageTooSmall, SeveralImages, UnsupportedImage, TruncatedImage or ImageError.
    """
    # The whole of a deflated file would be inflated before its size is known.
    if DeflatedExplicitVRLittleEndian.encode() in content[:FILE_META_BYTES]:
        raise UnsupportedImage("Deflated DICOM files are not read; store it uncompressed.")
    try:
        data = pydicom.dcmread(io.BytesIO(content), force=True)
        rows, columns = int(data.Rows), int(data.Columns)
        frames = int(data.get("NumberOfFrames") or 1)
        photometric = str(data.PhotometricInterpretation)
    except AttributeError as error:
        raise ImageError("The DICOM file holds no image.") from error
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error
    check_size(columns, rows)
    if frames > 1:
        raise SeveralImages(f"The DICOM file holds {frames} frames. Send each B-scan as a file of its own.")
    if "PixelData" not in data:
        if "FloatPixelData" in data or "DoubleFloatPixelData" in data:
            raise UnsupportedImage("DICOM files with floating-point pixels are not read.")
        raise TruncatedImage("The DICOM file ends before its pixels.")
    values = _pixel_values(data)
    if values.ndim == 3:
        return Picture(_narrow_colour(values), DICOM)
    if photometric == "PALETTE COLOR":
        return Picture(_narrow_colour(apply_color_lut(values, data)), DICOM)
    grey = _grey(values, data)
    return Picture(grey_to_rgb(255 - grey if photometric == "MONOCHROME1" else grey), DICOM)


def _pixel_values(data: Any) -> npt.NDArray[Any]:
    """Integers, (rows, columns) or RGB (rows, columns, 3)."""
    try:
        return pixel_array(data)
    except (NotImplementedError, RuntimeError) as error:
        syntax = data.file_meta.get("TransferSyntaxUID")
        raise UnsupportedImage(
            f"DICOM files in the transfer syntax {getattr(syntax, 'name', syntax)} are not read."
        ) from error
    except Exception as error:  # pydicom and the decoders behind it raise all kinds on damaged data.
        raise TruncatedImage("The DICOM file's pixels end too early or are damaged.") from error


def _grey(values: npt.NDArray[Any], data: Any) -> npt.NDArray[np.uint8]:
    shown = apply_modality_lut(values, data)
    if "WindowCenter" in data or "VOILUTSequence" in data:
        # What the table or window makes of the most extreme values is its black and its white.
        ends = np.iinfo(np.int32) if shown.dtype.kind == "f" else np.iinfo(shown.dtype)
        black, white = apply_voi_lut(np.array([ends.min, ends.max], shown.dtype), data)
        return _stretch(apply_voi_lut(shown, data), float(black), float(white))
    if shown.dtype.kind == "u" and shown.dtype.itemsize <= 2:
        return to_8_bit(shown.astype(np.uint16))
    return _stretch(shown, float(shown.min()), float(shown.max()))


def _stretch(values: npt.NDArray[Any], black: float, white: float) -> npt.NDArray[np.uint8]:
    scaled = (values.astype(np.float32) - black) * (255 / ((white - black) or 1))
    stretched: npt.NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return stretched


def _narrow_colour(values: npt.NDArray[Any]) -> Rgb:
    """RGB of 8 or 16 bits as 8 bits."""
    if values.dtype.itemsize == 1:
        return np.ascontiguousarray(values, dtype=np.uint8)
    return (values >> 8).astype(np.uint8)
