"""From an uploaded file to pixels. What can't be shown faithfully is refused and never guessed."""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from handlers import dicom, formats
from handlers.errors import (
    EmptyImage,
    ImageError,
    ImageTooLarge,
    SeveralImages,
    TruncatedImage,
    UnsupportedImage,
)
from handlers.pixels import MAX_PIXELS, Picture, Rgb, check_size, grey_to_rgb, to_8_bit

READ_TYPES = "PNG, JPEG, TIFF, BMP, WebP and DICOM"
SIXTEEN_BIT_GREY = ("I;16", "I;16B", "I;16L", "I;16N")
PNG_BIT_DEPTH_AT = 24
DARKEST_DEEP_COLOUR = 64
MOST_PAGES_LOOKED_AT = 8
# Pillow refuses twice this many by itself: a net below our own check, for images inside DICOM files too.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
METADATA_ERRORS = (SyntaxError, ValueError, TypeError, LookupError, OSError, EOFError, struct.error)
"""What Pillow raises when tags or EXIF data don't make sense."""
PNG_END = b"IEND\xaeB`\x82"
# TIFF tags and their values.
NEW_SUBFILE_TYPE, BITS_PER_SAMPLE, PHOTOMETRIC, PLANAR_CONFIGURATION, SAMPLE_FORMAT = 254, 258, 262, 284, 339
REDUCED = 1
MIN_IS_WHITE = 0
SEPARATE_PLANES = 2
SIGNED = 2


def decode(content: bytes, declared_type: str | None = None) -> Picture:
    """Decode the one image in a file.

    The bytes decide what it is; `declared_type` only lets a DICOM file without preamble be read. EXIF orientation
    is applied, so width and height are those that a viewer shows. Grey of 16 bits is narrowed by
    `pixels.to_8_bit`; of 16-bit colour the upper 8 bits are kept. Colour profiles are ignored.

    Raises EmptyImage, UnsupportedImage (a recognised type that is not read), ImageError (not an image, or damaged),
    TruncatedImage, SeveralImages (pages or frames), and before any pixel is decoded ImageTooLarge or ImageTooSmall.
    """
    if not content:
        raise EmptyImage(f"The request has no image. Send one of {READ_TYPES} as the body.")
    found = formats.media_type(content)
    if found == formats.DICOM:
        return dicom.decode(content)
    if found is not None:
        return Picture(_read(content, found), found)
    kind = formats.other_kind(content)
    if kind:
        raise UnsupportedImage(
            f"This is {kind} file. {READ_TYPES} are read; export the B-scan as one of them."
        )
    if declared_type == formats.DICOM:
        return dicom.decode(content)
    raise ImageError(f"This is not an image. {READ_TYPES} are read.")


def _read(content: bytes, found: str) -> Rgb:
    name = formats.READABLE[found]
    try:
        image = Image.open(io.BytesIO(content), formats=[name])
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"The {name} image is too large to be read.") from error
    except (UnidentifiedImageError, OSError, ValueError, OverflowError) as error:
        if formats.looks_complete(content, found):
            raise UnsupportedImage(f"The {name} file is damaged or of a kind that is not read.") from error
        raise TruncatedImage(f"The {name} file ends too early.") from error
    with image:
        check_size(*image.size)
        _refuse_several(image, name)
        try:
            image.load()
        except Exception as error:  # Pillow's plugins raise all kinds on damaged data.
            if formats.looks_complete(content, found) and "truncated" not in str(error):
                raise ImageError(f"The {name} file is damaged.") from error
            raise TruncatedImage(f"The {name} file ends too early or is damaged.") from error
        # Pillow is content without a PNG's end; an upload that broke off there may have lost more.
        if name == "PNG" and PNG_END not in content:
            raise TruncatedImage("The PNG file ends too early.")
        return _to_rgb(image, content)


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
        for number in range(1, MOST_PAGES_LOOKED_AT):
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


def _to_rgb(source: Image.Image, content: bytes) -> Rgb:
    if isinstance(source, TiffImagePlugin.TiffImageFile):
        _refuse_misread(source)
    image = _upright(source)
    if image.mode in SIXTEEN_BIT_GREY or _is_signed_16_bit(source):
        grey = _narrow_grey(image)
        # Pillow inverts 8-bit TIFFs whose zero means white, but not those of 16 bits.
        return grey_to_rgb(255 - grey if _zero_is_white(source) else grey)
    if image.mode in ("I", "F"):
        raise UnsupportedImage("The image has 32 bits per pixel; 8 and 16 bits are read.")
    try:
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
        pixels = np.array(image.convert("RGB"))
    except ValueError as error:
        raise UnsupportedImage(f"Images in the colour mode {image.mode} are not read.") from error
    _check_deep_colour(source, content, pixels)
    return pixels


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
    values = np.array(image)
    if values.min() < 0:
        raise UnsupportedImage("The image has negative grey values; export it as unsigned 8 or 16 bits.")
    return to_8_bit(values.astype(np.uint16))


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


def _upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF data say."""
    try:
        return ImageOps.exif_transpose(image)
    except METADATA_ERRORS:  # Broken EXIF data are ignored, as viewers do: the pixels are whole.
        return image
