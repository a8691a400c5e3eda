"""From an uploaded file to pixels. What can't be shown faithfully is refused and never guessed.

Time and memory are known before a pixel is decoded: `examine` looks at a file's structure and tells what decoding it
will take; what a header can't tell is decoded in a process of its own, with limits.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from handlers import apart, dicom, formats
from handlers.errors import (
    EmptyImage,
    ImageError,
    ImageTooLarge,
    SeveralImages,
    TruncatedImage,
    UnsupportedImage,
)
from handlers.pixels import (
    MAX_PIXELS,
    Picture,
    Rgb,
    check_memory,
    check_size,
    grey_to_rgb,
    strips,
    to_8_bit,
)
from handlers.structure import bmp, jpeg, png, tiff, webp

READ_TYPES = "PNG, JPEG, TIFF, BMP, WebP and DICOM"
SIXTEEN_BIT_GREY = ("I;16", "I;16B", "I;16L", "I;16N")
PNG_BIT_DEPTH_AT = 24
DARKEST_DEEP_COLOUR = 64
# Pillow refuses twice this many by itself: a net below our own check, for images inside DICOM files too.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# Of the 64 MiB of text that Pillow would keep of each PNG nothing is shown.
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 2**20
METADATA_ERRORS = (SyntaxError, ValueError, TypeError, LookupError, OSError, EOFError, struct.error)
"""What Pillow raises when tags or EXIF data don't make sense."""
PNG_END = b"IEND\xaeB`\x82"
# TIFF tags and their values.
NEW_SUBFILE_TYPE, BITS_PER_SAMPLE, PHOTOMETRIC, PLANAR_CONFIGURATION, SAMPLE_FORMAT = 254, 258, 262, 284, 339
ORIENTATION, SAMPLES, ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT = 274, 277, 278, 322, 323
REDUCED = 1
MIN_IS_WHITE = 0
SEPARATE_PLANES = 2
SIGNED = 2
KEPT_BYTES = {"1": 1, "L": 1, "P": 1, **dict.fromkeys(SIXTEEN_BIT_GREY, 2)}
"""Bytes a pixel that Pillow keeps, by its modes; of all others 4."""
WEBP_BYTES = 24
"""A pixel: Pillow's decoder of animations keeps five pictures of a still one."""
TURNED: dict[int, Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}
"""What EXIF's values of the orientation do to pixels (height, width, …) to set them upright."""


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

    def decode(self) -> Picture:
        """The picture; to be called once. Raises ImageError as `decode` does, Busy when a process of its own did not get to it."""
        if not self.is_apart:
            return self.decode_here()
        return Picture(
            apart.decode_apart(self._content, self._declared_type, self.memory_bytes), self.media_type
        )

    def decode_here(self) -> Picture:
        """The picture, decoded in this process whatever its kind."""
        return Picture(self._read(), self.media_type)


def decode(content: bytes, declared_type: str | None = None) -> Picture:
    """Decode the one image in a file.

    The bytes decide what it is; `declared_type` only lets a DICOM file without preamble be read. EXIF orientation
    is applied, so width and height are those that a viewer shows. Grey of 16 bits is narrowed by
    `pixels.to_8_bit`; of 16-bit colour the upper 8 bits are kept. Colour profiles are ignored.

    Raises EmptyImage, UnsupportedImage (a recognised type that is not read), ImageError (not an image, or damaged),
    TruncatedImage, SeveralImages (pages or frames), and before any pixel is decoded ImageTooLarge, ImageTooSmall or
    ImageTooComplex; Busy when a file that is decoded in a process of its own was not done in time.
    """
    return examine(content, declared_type).decode()


def examine(content: bytes, declared_type: str | None = None) -> Examined:
    """Look at a file without decoding it. Raises what `decode` raises before it decodes a pixel."""
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
    width, height = dicom.size(data)
    needed, is_apart = dicom.memory_bytes(data, len(content)), dicom.is_compressed(data)
    check_memory(needed, "DICOM")
    needed += apart.OWN_BYTES if is_apart else 0
    return Examined(
        formats.DICOM, width, height, needed, is_apart, partial(dicom.pixels, data), content, declared_type
    )


def _examined_picture(content: bytes, found: str) -> Examined:
    name = formats.READABLE[found]
    more_bytes = 0.0
    match found:
        case "image/png":
            png.check(content)
        case "image/jpeg":
            more_bytes = jpeg.coefficient_bytes(content)
        case "image/tiff":
            tiff.check(content)
        case "image/bmp":
            bmp.check(content)
        case "image/webp":
            # Its decoder takes memory for the whole picture when the file is opened: not in this process.
            width, height = webp.size(content)
            check_size(width, height)
            needed = WEBP_BYTES * width * height + 2 * len(content)
            check_memory(needed, name)
            read = partial(_read_webp, content)
            return Examined(found, width, height, needed + apart.OWN_BYTES, True, read, content, None)
    image = _opened(content, found)
    width, height = image.size
    check_size(width, height)
    _refuse_several(image, name)
    needed = _memory_bytes(image, more_bytes) + len(content)
    check_memory(needed - len(content), name)
    read = partial(_read, image, content, found)
    return Examined(found, width, height, needed, False, read, content, None)


def _opened(content: bytes, found: str) -> Image.Image:
    name = formats.READABLE[found]
    try:
        return Image.open(io.BytesIO(content), formats=[name])
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"The {name} image is too large to be read.") from error
    except (UnidentifiedImageError, OSError, ValueError, OverflowError) as error:
        if formats.looks_complete(content, found):
            raise UnsupportedImage(f"The {name} file is damaged or of a kind that is not read.") from error
        raise TruncatedImage(f"The {name} file ends too early.") from error


def _memory_bytes(image: Image.Image, more_bytes: float) -> int:
    """The most that decoding takes at once, with `more_bytes` a pixel for what a decoder keeps on the way."""
    kept = KEPT_BYTES.get(image.mode, 4)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        more_bytes += _piece_share(image)
        if image.tag_v2.get(ORIENTATION, 1) != 1:  # Pillow turns it by itself, with a copy
            more_bytes = max(more_bytes, kept)
    made = 1 if image.mode == "L" or image.mode in SIXTEEN_BIT_GREY else 3
    a_pixel = max(kept + more_bytes, kept + made, 2 * made)
    return int(a_pixel * image.width * image.height)


def _piece_share(image: TiffImagePlugin.TiffImageFile) -> float:
    """The bytes of a strip or tile, which libtiff decodes as a whole, for each pixel of the picture."""
    tags = image.tag_v2
    rows = min(tags.get(ROWS_PER_STRIP, image.height), image.height)
    pixels = tags.get(TILE_WIDTH, image.width) * tags.get(TILE_HEIGHT, rows)
    bits = max(tags.get(BITS_PER_SAMPLE, (1,))) * tags.get(SAMPLES, 1)
    return float(pixels * bits / 8 / (image.width * image.height))


def _read_webp(content: bytes) -> Rgb:
    image = _opened(content, "image/webp")
    check_size(*image.size)
    _refuse_several(image, "WEBP")
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
    pixels, turn = _to_rgb(image, content), TURNED.get(_orientation(image))
    image.close()  # with the pixels that Pillow keeps
    return pixels if turn is None else _turned(pixels, turn)


def _refuse_several(image: Image.Image, name: str) -> None:
    """Reading one page of a volume and passing it off as the whole would be a wrong picture."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        pages = _full_size_pages(image)
    else:
        # A phone's JPEG may carry previews behind its picture; they are no second image.
        pages = getattr(image, "n_frames", 1) if name != "JPEG" else 1
    if pages > 1:
        raise SeveralImages(f"The {name} file holds several images. Send each B-scan as a file of its own.")


def _full_size_pages(image: TiffImagePlugin.TiffImageFile) -> int:
    """Pages of a TIFF that are not thumbnails, counted up to two."""
    pages = 1
    try:
        for number in range(1, tiff.MOST_DIRECTORIES):
            image.seek(number)
            if not image.tag_v2.get(NEW_SUBFILE_TYPE, 0) & REDUCED:
                pages += 1
                break
    except EOFError:
        pass
    except METADATA_ERRORS:  # A further page that can't be parsed is still a further page.
        pages += 1
    if pages == 1:
        image.seek(0)
    return pages


def _to_rgb(image: Image.Image, content: bytes) -> Rgb:
    """The picture as it lies in the file."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _refuse_misread(image)
    if image.mode in SIXTEEN_BIT_GREY or _is_signed_16_bit(image):
        grey = _narrow_grey(image)
        # Pillow inverts 8-bit TIFFs whose zero means white, but not those of 16 bits.
        return grey_to_rgb(255 - grey if _zero_is_white(image) else grey)
    if image.mode in ("I", "F"):
        raise UnsupportedImage("The image has 32 bits per pixel; 8 and 16 bits are read.")
    if image.mode == "L" and not image.has_transparency_data:
        return grey_to_rgb(np.array(image))
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    try:
        for rows in strips(image.height):
            pixels[rows] = _on_black(image.crop((0, rows.start, image.width, rows.stop)))
    except ValueError as error:
        raise UnsupportedImage(f"Images in the colour mode {image.mode} are not read.") from error
    _check_deep_colour(image, content, pixels)
    return pixels


def _on_black(strip: Image.Image) -> Rgb:
    if strip.has_transparency_data:
        layer = strip.convert("RGBA")
        strip = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
    return np.asarray(strip.convert("RGB"))


def _refuse_misread(image: TiffImagePlugin.TiffImageFile) -> None:
    """Refuse the kinds of TIFF that Pillow opens but gets wrong."""
    tags = image.tag_v2
    if 16 in tags.get(BITS_PER_SAMPLE, ()) and tags.get(PLANAR_CONFIGURATION) == SEPARATE_PLANES:
        raise UnsupportedImage("16-bit TIFF files with separate colour planes are not read.")
    if image.mode == "L" and SIGNED in tags.get(SAMPLE_FORMAT, ()):
        raise UnsupportedImage("TIFF files with signed 8-bit values are not read.")


def _is_signed_16_bit(image: Image.Image) -> bool:
    return (
        image.mode == "I"
        and isinstance(image, TiffImagePlugin.TiffImageFile)
        and image.tag_v2.get(BITS_PER_SAMPLE) == (16,)
    )


def _narrow_grey(image: Image.Image) -> npt.NDArray[np.uint8]:
    values = np.asarray(image)
    if values.min() < 0:
        raise UnsupportedImage("The image has negative grey values; export it as unsigned 8 or 16 bits.")
    return to_8_bit(values.astype(np.uint16, copy=False))


def _zero_is_white(image: Image.Image) -> bool:
    return isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(PHOTOMETRIC) == MIN_IS_WHITE


def _check_deep_colour(image: Image.Image, content: bytes, pixels: Rgb) -> None:
    """Of colour with 16 bits a channel Pillow keeps the upper 8, which is right when all 16 are in use."""
    if image.format == "PNG":
        deep = content[PNG_BIT_DEPTH_AT] == 16
    else:
        deep = isinstance(image, TiffImagePlugin.TiffImageFile) and 16 in image.tag_v2.get(
            BITS_PER_SAMPLE, ()
        )
    if deep and pixels.max() < DARKEST_DEEP_COLOUR:
        raise UnsupportedImage(
            "The 16-bit colour image leaves its upper bits unused; export it in 8 bits or as grey."
        )


def _orientation(image: Image.Image) -> int:
    """How the picture lies, by its EXIF data; as it should where they are broken: the pixels are whole.

    Pillow has turned a TIFF already, and forgotten that it had to.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except METADATA_ERRORS:
        return 1


def _turned(pixels: Rgb, turn: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]) -> Rgb:
    if pixels.strides[2] == 0:
        return grey_to_rgb(np.ascontiguousarray(turn(pixels[:, :, 0])))
    return np.ascontiguousarray(turn(pixels))
