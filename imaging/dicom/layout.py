"""How a DICOM file's pixels lie, and what it takes to decode them: known before they are looked at."""

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
"""Of the words that integers are kept in."""
INVERTED, GREY, PALETTE = "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"
RGB, YBR, YBR_422 = "RGB", "YBR_FULL", "YBR_FULL_422"
YBR_OF_JPEG_2000 = ("YBR_ICT", "YBR_RCT")
SAMPLES = {INVERTED: 1, GREY: 1, PALETTE: 1, RGB: 3, YBR: 3, YBR_422: 3} | dict.fromkeys(YBR_OF_JPEG_2000, 3)
"""Values a pixel, by the photometric interpretations that are read."""
DEEP_BYTES = 2**24
"""For some rows of numbers of more than 16 bits, while they are computed with."""


@dataclass(frozen=True)
class Layout:
    """What decoding has to know. `stored` of the `allocated` bits of each word count, the highest being `high_bit`."""

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
        """Whether the pixels are no integers."""
        return self.keyword != INTEGERS

    @property
    def is_compressed(self) -> bool:
        """Whether a decoder has to unpack the pixels, whose work nothing in the header tells."""
        return is_encapsulated(self.syntax)

    def memory_bytes(self, file_bytes: int) -> int:
        """The most that decoding takes at once, the file's own bytes included."""
        pixel_count = self.width * self.height
        stored = pixel_count * self.samples * max(self.allocated, 8) // 8
        # As pydicom hands the pixels over and as they are once turned into RGB; the picture itself; the file, twice.
        taken = 2 * stored + 3 * pixel_count + 2 * file_bytes
        if self.samples == 3 and self.photometric != RGB or self.photometric == PALETTE:
            taken += 3 * pixel_count
        if self.allocated > 16:
            taken += DEEP_BYTES
        return taken + 2 * stored if self.is_compressed else taken


def layout(data: Any) -> Layout:
    """How the pixels of the single frame lie.

    Raises ImageTooLarge, ImageTooSmall, SeveralImages, TruncatedImage without pixels, UnsupportedImage for those that
    are of a kind that is not read, and ImageError for facts that don't make sense.
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
    found = Layout(
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
        _refuse_several(_frames_by_pixels(data, found))
    return found


def is_encapsulated(syntax: UID) -> bool:
    """Whether pixels are compressed in that transfer syntax; False for the name of something else."""
    try:
        return bool(syntax.is_encapsulated)
    except ValueError:
        return False


def _colours(data: Any, is_compressed: bool) -> tuple[str, int]:
    """What the values of a pixel mean, and how many there are."""
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


def _frames_by_pixels(data: Any, found: Layout) -> int:
    """How many frames the pixels are enough for, where nothing else says it."""
    content = pixel_bytes(data, found.keyword)
    if found.is_compressed:
        try:
            return len(parse_basic_offsets(content))
        except UNREADABLE:  # the decoder will say so
            return 1
    return len(content) * 8 // (found.width * found.height * found.samples * found.allocated)


def _refuse_several(frames: int) -> None:
    if frames > 1:
        raise SeveralImages.of_volume(f"The DICOM file holds {frames} frames.")
