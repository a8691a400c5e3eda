"""Decodes a B-scan stored as DICOM into what a viewer shows first."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.datadict import dictionary_description
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian

from handlers.errors import (
    ImageError,
    ImageTooComplex,
    SeveralImages,
    TruncatedImage,
    UnsupportedImage,
)
from handlers.pixels import Rgb, check_size, grey_to_rgb, looked_up, strips, to_8_bit

# What pydicom warns about quotes the values, and those may be a patient's.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

FILE_META_BYTES = 4096
"""The file meta information, which names the transfer syntax, lies within these first bytes."""
MOST_READS = 20_000
"""pydicom reads one to three times for each element and item; a B-scan's file has some hundred of them."""
IMAGE_GROUP = 0x0028
"""Of elements that say how pixels lie and are shown."""
MOST_BYTES = 2**18
"""Of such an element, or of a sequence that is looked into: a table of 65,536 values takes half."""
MOST_ITEMS = 1_000
LINEAR = "LINEAR"
PALETTE, PALETTE_BYTES = "PALETTE COLOR", 20
"""Of whose pixels pydicom makes 16-bit colours, by an index of 64 bits."""
ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
"""How an item of a sequence begins, in either byte order."""
GREATEST = 1e15
"""Of numbers that are computed with: far beyond what a device measures, far below where floats end."""


class _Counted(io.BytesIO):
    """A file that may be read from so many times: pydicom does so for each element and item, however deep."""

    reads_left = MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads_left -= 1
        if self.reads_left < 0:
            raise ImageTooComplex(
                "The DICOM file has too many elements or nested items. Export the B-scan alone, without its volume."
            )
        return super().read(size)


def header(content: bytes) -> Any:
    """The file as pydicom knows it, its pixels not yet looked at.

    Raises UnsupportedImage for a deflated file, ImageTooComplex for one of too many elements, ImageError.
    """
    # The whole of a deflated file would be inflated before its size is known.
    if DeflatedExplicitVRLittleEndian.encode() in content[:FILE_META_BYTES]:
        raise UnsupportedImage("Deflated DICOM files are not read; store it uncompressed.")
    try:
        data = pydicom.dcmread(_Counted(content), force=True)
        raw = [data.get_item(tag) for tag in list(data.keys()) if tag.group == IMAGE_GROUP]
    except ImageError:
        raise
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error
    if any(len(element.value) > MOST_BYTES for element in raw if isinstance(element.value, bytes)):
        raise ImageTooComplex("The DICOM file has too many values for one of the facts on its pixels.")
    return data


def sequence(data: Any, name: str) -> list[Any]:
    """The items of a sequence, empty without it. Raises ImageTooComplex, or ImageError when it is damaged."""
    try:
        if name not in data:
            return []
        raw = data.get_item(name)
        value = raw.value if isinstance(raw.value, bytes) else b""
        if len(value) > MOST_BYTES or max(value.count(item) for item in ITEMS) > MOST_ITEMS:
            raise ImageTooComplex("The DICOM file has a sequence of too many items.")
        found = data[name].value
        return list(found) if isinstance(found, pydicom.Sequence) else []
    except ImageError:
        raise
    except Exception as error:
        raise ImageError("The DICOM file is damaged.") from error


def values(data: Any, name: str) -> list[Any]:
    """An element's values, none where it is missing or empty. Raises ImageError when they can't be read."""
    try:
        value = data.get(name)
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError(f"The DICOM file's {_title(name)} can't be read.") from error
    if isinstance(value, MultiValue | list):
        return list(value)
    return [] if value is None or value == "" else [value]


def size(data: Any) -> tuple[int, int]:
    """Width and height of the single frame.

    Raises ImageTooLarge, ImageTooSmall, SeveralImages, TruncatedImage without pixels, UnsupportedImage for those that
    are not integers of 8 or 16 bits, and ImageError for numbers that don't make sense.
    """
    if "Rows" not in data or "Columns" not in data or "PhotometricInterpretation" not in data:
        raise ImageError("The DICOM file holds no image.")
    width, height = _whole(data, "Columns"), _whole(data, "Rows")
    check_size(width, height)
    frames = _whole(data, "NumberOfFrames", 1)
    if frames > 1:
        raise SeveralImages(f"The DICOM file holds {frames} frames. Send each B-scan as a file of its own.")
    if "PixelData" not in data:
        if "FloatPixelData" in data or "DoubleFloatPixelData" in data:
            raise UnsupportedImage("DICOM files with floating-point pixels are not read.")
        raise TruncatedImage("The DICOM file ends before its pixels.")
    allocated = _whole(data, "BitsAllocated")
    if allocated not in (8, 16) or _whole(data, "SamplesPerPixel", 1) not in (1, 3):
        raise UnsupportedImage("DICOM files of one or three samples a pixel with 8 or 16 bits are read.")
    if _whole(data, "BitsStored", allocated) > allocated or _whole(data, "PixelRepresentation", 0, 0) > 1:
        raise ImageError("The DICOM file contradicts itself on the bits of a pixel.")
    return width, height


def is_compressed(data: Any) -> bool:
    """Whether a decoder has to unpack the pixels, whose work nothing in the header tells."""
    syntax = getattr(data, "file_meta", {}).get("TransferSyntaxUID")
    try:
        return bool(getattr(syntax, "is_encapsulated", False))
    except ValueError:  # the name of something else
        return False


def memory_bytes(data: Any, file_bytes: int) -> int:
    """The most that decoding takes at once, the file's own bytes included."""
    pixel_count = _whole(data, "Rows") * _whole(data, "Columns")
    stored = pixel_count * _whole(data, "SamplesPerPixel", 1) * _whole(data, "BitsAllocated") // 8
    # As pydicom hands the pixels over and as they are once turned into RGB; the picture itself; the file, twice.
    needed = 2 * stored + 3 * pixel_count + 2 * file_bytes
    if _value(data, "PhotometricInterpretation") == PALETTE:
        needed += PALETTE_BYTES * pixel_count
    return needed + 2 * stored if is_compressed(data) else needed


def pixels(data: Any) -> Rgb:
    """The single frame, for a file that `size` and `memory_bytes` have looked at.

    Grey values go through the file's own modality and VOI tables or window; without either, unsigned values are
    narrowed like those of any 16-bit file and others stretched from darkest to brightest. Nothing else of the file,
    such as patient data, is looked at or kept. Raises UnsupportedImage, TruncatedImage or ImageError.
    """
    photometric = str(_value(data, "PhotometricInterpretation"))
    frame = _pixel_values(data)
    if frame.ndim == 3:
        return _narrow_colour(frame)
    if frame.ndim != 2:
        raise ImageError("The DICOM file is damaged.")
    if photometric == PALETTE:
        return _narrow_colour(_applied(lambda: apply_color_lut(frame, data), "colours"))
    grey = _grey(frame, data)
    return grey_to_rgb(255 - grey if photometric == "MONOCHROME1" else grey)


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
    """By a table of what each value that 8 or 16 bits can hold is shown as."""
    ends = np.iinfo(values.dtype)
    stored = np.arange(ends.min, ends.max + 1, dtype=np.int32).astype(values.dtype)
    shown = _rescaled(stored, data)
    if sequence(data, "VOILUTSequence") or _has_window(data):
        # What the table or window makes of the most extreme values is its black and its white.
        limits = np.iinfo(np.int32) if shown.dtype.kind == "f" else np.iinfo(shown.dtype)
        extremes = np.array([limits.min, limits.max], shown.dtype)
        black, white = _applied(lambda: apply_voi_lut(extremes, data), "window")
        table = _stretch(_applied(lambda: apply_voi_lut(shown, data), "window"), float(black), float(white))
    elif shown is stored and shown.dtype.kind == "u":
        return to_8_bit(values.astype(np.uint16, copy=False))
    else:
        used = shown[_used(values, ends.min, len(stored))]
        table = _stretch(shown, float(used.min()), float(used.max()))
    return looked_up(values, table, ends.min)


def _rescaled(stored: npt.NDArray[Any], data: Any) -> npt.NDArray[Any]:
    """The values by the file's modality table or Rescale Slope and Intercept, as they are without both."""
    slope, intercept = _number(data, "RescaleSlope"), _number(data, "RescaleIntercept")
    if slope == 0:
        raise ImageError("The DICOM file's Rescale Slope is 0: all values would be the same.")
    if not sequence(data, "ModalityLUTSequence") and (slope is None or intercept is None):
        return stored
    with np.errstate(over="ignore", invalid="ignore"):
        shown = _applied(lambda: apply_modality_lut(stored, data), "Rescale Slope and Intercept")
    if np.abs(shown).max() > GREATEST:
        raise ImageError("The DICOM file's Rescale Slope and Intercept make values beyond all measure.")
    return shown


def _has_window(data: Any) -> bool:
    """Whether the file says which values to show, in numbers that make sense (DICOM PS3.3, C.11.2.1.2)."""
    center, width = _number(data, "WindowCenter", many=True), _number(data, "WindowWidth", many=True)
    if center is None or width is None:
        return False
    if _value(data, "VOILUTFunction") is None:  # pydicom would stumble over an empty one
        data.VOILUTFunction = LINEAR
    if width <= 0 or (width < 1 and _value(data, "VOILUTFunction") == LINEAR):
        raise ImageError(f"The DICOM file's Window Width is {width:g}; it has to be 1 at least.")
    return True


def _used(values: npt.NDArray[Any], first: int, count: int) -> npt.NDArray[np.bool_]:
    """Which of `count` values from `first` on there are among the pixels."""
    used = np.zeros(count, np.bool_)
    for rows in strips(len(values)):
        used[values[rows].astype(np.int32) - first] = True
    return used


def _applied(step: Callable[[], npt.NDArray[Any]], what: str) -> npt.NDArray[Any]:
    """What pydicom makes of pixels; it raises all kinds where numbers and tables don't fit each other."""
    try:
        return step()
    except Exception as error:
        raise ImageError(f"The DICOM file's {what} can't be applied to its pixels.") from error


def _value(data: Any, name: str, many: bool = False) -> Any:
    """An element's value, the first of `many`; None where it is missing or empty."""
    found = values(data, name)
    if len(found) > 1 and not many:
        raise ImageError(f"The DICOM file's {_title(name)} has several values.")
    return found[0] if found else None


def _number(data: Any, name: str, many: bool = False) -> float | None:
    """A finite number, None where it is missing or empty."""
    value = _value(data, name, many)
    try:
        number = None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if number is not None and not abs(number) <= GREATEST:
        raise ImageError(f"The DICOM file's {_title(name)} is not a number that can be used.")
    return number


def _whole(data: Any, name: str, default: int | None = None, least: int = 1) -> int:
    """A whole number of `least` or more; `default` where it is missing or empty."""
    number = _number(data, name)
    if number is None and default is not None:
        return default
    if number is None or number != int(number) or number < least:
        raise ImageError(f"The DICOM file's {_title(name)} is not a whole number of {least} or more.")
    return int(number)


def _title(name: str) -> str:
    """An element's name in the standard."""
    return dictionary_description(name)


def _stretch(values: npt.NDArray[Any], black: float, white: float) -> npt.NDArray[np.uint8]:
    scaled = (values.astype(np.float64) - black) * (255 / ((white - black) or 1))
    stretched: npt.NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return stretched


def _narrow_colour(values: npt.NDArray[Any]) -> Rgb:
    """RGB of 8 or 16 bits as 8 bits."""
    if values.dtype.itemsize == 1:
        return np.ascontiguousarray(values, dtype=np.uint8)
    return (values >> 8).astype(np.uint8)
