"""How a DICOM file stores its pixels, and what decoding them takes, by its header alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydicom.encaps import parse_basic_offsets
from pydicom.uid import UID

from imaging.dicom.elements import UNREADABLE, needed, quoted, text, title, values, whole
from imaging.dicom.file import pixel_bytes, transfer_syntax
from imaging.errors import ImageError, SeveralImages, TruncatedImage, UnsupportedImage
from imaging.pixels import check_size

INTEGERS, FLOATS, DOUBLES = "PixelData", "FloatPixelData", "DoubleFloatPixelData"
BITS_OF_FLOATS = {FLOATS: 32, DOUBLES: 64}
BITS = (1, 8, 16, 32)
"""Of the words that hold integers."""
INVERTED, GREY, PALETTE = "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"
RGB, YBR, YBR_422 = "RGB", "YBR_FULL", "YBR_FULL_422"
YBR_OF_JPEG_2000 = ("YBR_ICT", "YBR_RCT")
SAMPLES = {INVERTED: 1, GREY: 1, PALETTE: 1, RGB: 3, YBR: 3, YBR_422: 3} | dict.fromkeys(YBR_OF_JPEG_2000, 3)
"""Samples per pixel, by the photometric interpretations that are read."""
DEEP_BYTES = 2**24
"""Memory for some rows of intermediate 64-bit numbers, if words have more than 16 bits."""


@dataclass(frozen=True)
class Layout:
    """How pixels are stored. Of the `allocated` bits of a word `stored` count; the highest of them is `high_bit`."""

    keyword: str
    syntax: UID
    width: int
    height: int
    photometric: str
    samples: int
    planar: int
    allocated: int
    stored: int
    high_bit: int
    is_signed: bool

    @property
    def is_float(self) -> bool:
        """Whether the words are floats rather than integers."""
        return self.keyword != INTEGERS

    @property
    def is_compressed(self) -> bool:
        """Whether the pixels are compressed, so that the header doesn't tell how much work decoding is."""
        return is_encapsulated(self.syntax)

    def memory_bytes(self, file_bytes: int) -> int:
        """The most memory that decoding takes at once, the file's own bytes included."""
        pixel_count = self.width * self.height
        stored = pixel_count * self.samples * max(self.allocated, 8) // 8
        # pydicom's array and its copy as RGB; the picture itself; the file, twice.
        taken = 2 * stored + 3 * pixel_count + 2 * file_bytes
        if self.samples == 3 and self.photometric != RGB or self.photometric == PALETTE:
            taken += 3 * pixel_count
        if self.allocated > 16:
            taken += DEEP_BYTES
        return taken + 2 * stored if self.is_compressed else taken


def layout(data: Any) -> Layout:
    """How the pixels of the single frame are stored.

    Raises ImageTooLarge, ImageTooSmall, SeveralImages, TruncatedImage for a file without pixels, UnsupportedImage for
    kinds of pixels that are not read, and ImageError for elements that don't make sense.
    """
    if "Rows" not in data or "Columns" not in data:
        raise ImageError("The DICOM file holds no image.")
    width, height = needed(data, "Columns"), needed(data, "Rows")
    check_size(width, height)
    frames = whole(data, "NumberOfFrames")
    _refuse_several(frames or 1)
    keyword = next((name for name in (INTEGERS, *BITS_OF_FLOATS) if name in data), None)
    if keyword is None:
        raise TruncatedImage("The DICOM file ends before its pixels.")
    syntax = transfer_syntax(data, keyword)
    photometric, samples = _colours(data, is_encapsulated(syntax))
    allocated = BITS_OF_FLOATS.get(keyword) or needed(data, "BitsAllocated")
    if keyword == INTEGERS and (allocated not in BITS or allocated == 1 and samples != 1):
        raise UnsupportedImage(
            "DICOM files of one or three samples a pixel with 8, 16 or 32 bits, or one of a bit, are read."
        )
    stored = whole(data, "BitsStored", most=allocated) or allocated
    high_bit = whole(data, "HighBit", least=stored - 1, most=allocated - 1)
    pixel_layout = Layout(
        keyword=keyword,
        syntax=syntax,
        width=width,
        height=height,
        photometric=photometric,
        samples=samples,
        planar=int(whole(data, "PlanarConfiguration", most=1) or 0),
        allocated=allocated,
        stored=stored,
        high_bit=stored - 1 if high_bit is None else high_bit,
        is_signed=keyword == INTEGERS and _is_signed(data),
    )
    if frames is None:
        _refuse_several(_frames_by_pixels(data, pixel_layout))
    return pixel_layout


def is_encapsulated(syntax: UID) -> bool:
    """Whether pixels are compressed in that transfer syntax; False for a UID that is no transfer syntax."""
    try:
        return bool(syntax.is_encapsulated)
    except ValueError:
        return False


def _colours(data: Any, is_compressed: bool) -> tuple[str, int]:
    """The photometric interpretation and the samples per pixel."""
    photometric = text(data, "PhotometricInterpretation")
    if not photometric:
        raise ImageError(
            f"The DICOM file's {title('PhotometricInterpretation')} is missing, or has several values."
        )
    if photometric not in SAMPLES or (photometric in YBR_OF_JPEG_2000 and not is_compressed):
        raise UnsupportedImage(
            f"DICOM files with the {title('PhotometricInterpretation')} {quoted(photometric)} are not read."
        )
    samples = needed(data, "SamplesPerPixel") if values(data, "SamplesPerPixel") else SAMPLES[photometric]
    if samples not in (1, 3):
        raise UnsupportedImage("DICOM files of one or three samples a pixel are read.")
    if samples != SAMPLES[photometric]:
        raise ImageError(f"The DICOM file contradicts itself: {photometric} with {samples} samples a pixel.")
    return photometric, samples


def _is_signed(data: Any) -> bool:
    name = "PixelRepresentation"
    signed = needed(data, name, least=0) if values(data, name) else 0
    if signed > 1:
        raise ImageError(f"The DICOM file's {title(name)} is {signed}; 0 and 1 are known.")
    return bool(signed)


def _frames_by_pixels(data: Any, pixel_layout: Layout) -> int:
    """How many frames the pixels suffice for, in a file that doesn't give their number."""
    content = pixel_bytes(data, pixel_layout.keyword)
    if pixel_layout.is_compressed:
        try:
            return len(parse_basic_offsets(content))
        except UNREADABLE:  # the decoder will report it
            return 1
    frame_bits = pixel_layout.width * pixel_layout.height * pixel_layout.samples * pixel_layout.allocated
    return len(content) * 8 // frame_bits


def _refuse_several(frames: int) -> None:
    if frames > 1:
        raise SeveralImages.of_volume(f"The DICOM file holds {frames} frames.")
