"""From an uploaded file to pixels. What can't be shown faithfully is refused and never guessed.

Time and memory are known before a pixel is decoded: `examine` looks at a file's structure and tells what decoding it
will take; what a header can't tell is decoded in a process of its own, with limits.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from traceback import extract_tb
from typing import Any

from PIL import Image, TiffImagePlugin

from imaging import apart, dicom, formats
from imaging.errors import (
    EmptyImage,
    ImageError,
    ImageTooLarge,
    SeveralImages,
    TruncatedImage,
    UnsupportedImage,
)
from imaging.pixels import MAX_PIXELS, Picture, Rgb, check_memory, check_size
from imaging.rgb import SIXTEEN_BIT_GREY, upright_rgb
from imaging.structure import bmp, jpeg, png, tiff_picture, tiff_tags, webp

log = logging.getLogger(__name__)

READ_TYPES = "PNG, JPEG, TIFF, BMP, WebP and DICOM"
# Pillow refuses twice this many by itself: a net below our own check, for images inside DICOM files too.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
PNG_END = b"IEND\xaeB`\x82"
KEPT_BYTES = {"1": 1, "L": 1, "P": 1, **dict.fromkeys(SIXTEEN_BIT_GREY, 2)}
"""Bytes a pixel that Pillow keeps, by its modes; of all others 4."""
WEBP_BYTES = 24
"""A pixel: Pillow's decoder of animations keeps five pictures of a still one."""


@dataclass(frozen=True)
class Examined:
    """A file that can probably be decoded, and what that takes: `memory_bytes` at most, its own bytes included.

    Width and height are those of the file, before it is turned upright.
    """

    media_type: str
    width: int
    height: int
    memory_bytes: int
    is_apart: bool
    _read: Callable[[], Rgb]
    _content: bytes
    _declared_type: str | None
    dicom_header: Any = field(default=None, repr=False)
    """The elements of a DICOM file as `dicom.header` has read them; None for other files."""

    def decode(self) -> Picture:
        """The picture; to be called once. Raises ImageError as `decode` does, Busy when a process of its own did not get to it."""
        if not self.is_apart:
            return self.decode_here()
        return Picture(
            apart.decode_apart(self._content, self._declared_type, self.memory_bytes), self.media_type
        )

    def decode_here(self) -> Picture:
        """The picture, decoded in this process whatever its kind."""
        with _refusing_what_fails("pixels"):
            return Picture(self._read(), self.media_type)


def decode(content: bytes, declared_type: str | None = None) -> Picture:
    """Decode the one image in a file.

    The bytes decide what it is; `declared_type` only lets a DICOM file without preamble be read. EXIF orientation
    is applied, so width and height are those that a viewer shows. Grey of 16 bits is narrowed by
    `depth.white_of`; of 16-bit colour the upper 8 bits are kept. Colour profiles are ignored.

    Raises EmptyImage, UnsupportedImage (a recognised type that is not read), ImageError (not an image, or damaged),
    TruncatedImage, SeveralImages (pages, frames, stacks), and before any pixel is decoded ImageTooLarge, ImageTooSmall or
    ImageTooComplex; Busy when a file that is decoded in a process of its own was not done in time.
    """
    return examine(content, declared_type).decode()


def examine(content: bytes, declared_type: str | None = None) -> Examined:
    """Look at a file without decoding it. Raises what `decode` raises before it decodes a pixel."""
    with _refusing_what_fails("header"):
        return _examined(content, declared_type)


@contextmanager
def _refusing_what_fails(part: str) -> Iterator[None]:
    """Make an ImageError of whatever goes wrong with a part of a file in a way that nobody has thought of."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        # Not the error's text, which may quote what is a patient's.
        where = extract_tb(error.__traceback__)[-1]
        log.error("A file's %s: %s, %s line %s", part, type(error).__name__, where.filename, where.lineno)
        raise ImageError(f"The file's {part} can't be read. Save it as PNG and send that.") from error


def _examined(content: bytes, declared_type: str | None) -> Examined:
    if not content:
        raise EmptyImage(f"The request has no image. Send one of {READ_TYPES} as the body.")
    found = formats.media_type(content)
    if found is None:
        kind = formats.other_kind(content)
        if kind:
            raise UnsupportedImage(
                f"This is {kind} file. {READ_TYPES} are read; export the B-scan as one of them."
            )
        if declared_type != formats.DICOM:
            raise ImageError(f"This is not an image. {READ_TYPES} are read.")
        found = formats.DICOM
    if found == formats.DICOM:
        return _examined_dicom(content, declared_type)
    return _examined_picture(content, found)


def _examined_dicom(content: bytes, declared_type: str | None) -> Examined:
    data = dicom.header(content)
    layout = dicom.layout(data)
    needed = layout.memory_bytes(len(content))
    check_memory(needed, "DICOM")
    needed += apart.OWN_BYTES if layout.is_compressed else 0
    return Examined(
        formats.DICOM,
        layout.width,
        layout.height,
        needed,
        layout.is_compressed,
        partial(dicom.pixels, data, layout),
        content,
        declared_type,
        data,
    )


def _examined_picture(content: bytes, found: str) -> Examined:
    name = formats.READABLE[found]
    more_bytes = 0.0
    match found:
        case "image/png":
            content = png.alone(content)
        case "image/jpeg":
            cleaned = jpeg.alone(content)
            content, more_bytes = cleaned.content, cleaned.coefficient_bytes
        case "image/tiff":
            content = tiff_picture.alone(content)
        case "image/bmp":
            content = bmp.alone(content)
        case "image/webp":
            # Its decoder takes memory for the whole picture when the file is opened: not in this process.
            width, height = webp.size(content)
            check_size(width, height)
            if webp.frames(content) > 1:
                raise SeveralImages.in_file(name)
            needed = WEBP_BYTES * width * height + 2 * len(content)
            check_memory(needed, name)
            read = partial(_read_webp, content)
            return Examined(found, width, height, needed + apart.OWN_BYTES, True, read, content, None)
    image = _opened(content, found)
    width, height = image.size
    check_size(width, height)
    needed = _memory_bytes(image, more_bytes)
    check_memory(needed, name)
    # What came is kept by whoever sent it here, beside what is left of it.
    needed += 2 * len(content)
    read = partial(_read, image, content, found)
    return Examined(found, width, height, needed, False, read, content, None)


def _opened(content: bytes, found: str) -> Image.Image:
    name = formats.READABLE[found]
    try:
        return Image.open(io.BytesIO(content), formats=[name])
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"The {name} image is too large to be read.") from error
    except Exception as error:  # Pillow's plugins raise all kinds on headers that make no sense.
        if formats.looks_complete(content, found):
            raise UnsupportedImage(f"The {name} file is damaged or of a kind that is not read.") from error
        raise TruncatedImage(f"The {name} file ends too early.") from error


def _memory_bytes(image: Image.Image, more_bytes: float) -> int:
    """The most that decoding takes at once, with `more_bytes` a pixel for what a decoder keeps on the way."""
    kept = KEPT_BYTES.get(image.mode, 4)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        more_bytes += _piece_share(image)
        if image.tag_v2.get(tiff_tags.ORIENTATION, 1) != 1:  # Pillow turns it by itself, with a copy
            more_bytes = max(more_bytes, kept)
    made = 1 if image.mode == "L" or image.mode in SIXTEEN_BIT_GREY else 3
    a_pixel = max(kept + more_bytes, kept + made, 2 * made)
    return int(a_pixel * image.width * image.height)


def _piece_share(image: TiffImagePlugin.TiffImageFile) -> float:
    """The bytes of a strip or tile, which libtiff decodes as a whole, for each pixel of the picture."""
    tags = image.tag_v2
    rows = min(tags.get(tiff_tags.ROWS_PER_STRIP, image.height), image.height)
    pixels = tags.get(tiff_tags.TILE_WIDTH, image.width) * tags.get(tiff_tags.TILE_HEIGHT, rows)
    bits = max(tags.get(tiff_tags.BITS, (1,))) * tags.get(tiff_tags.SAMPLES, 1)
    return float(pixels * bits / 8 / (image.width * image.height))


def _read_webp(content: bytes) -> Rgb:
    image = _opened(content, "image/webp")
    check_size(*image.size)
    if getattr(image, "n_frames", 1) > 1:
        raise SeveralImages.in_file("WEBP")
    return _read(image, content, "image/webp")


def _read(image: Image.Image, content: bytes, found: str) -> Rgb:
    name = formats.READABLE[found]
    try:
        image.load()
    except Exception as error:  # Pillow's plugins raise all kinds on damaged data.
        if formats.looks_complete(content, found) and "truncated" not in str(error):
            raise ImageError(f"The {name} file is damaged.") from error
        raise TruncatedImage(f"The {name} file ends too early or is damaged.") from error
    # Pillow is content without a PNG's end; an upload that broke off there may have lost more.
    if name == "PNG" and PNG_END not in content:
        raise TruncatedImage("The PNG file ends too early.")
    return upright_rgb(image, content)
