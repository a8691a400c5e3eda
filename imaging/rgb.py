"""From an image that Pillow has opened to upright RGB pixels. What Pillow reads wrongly is corrected or refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from imaging.depth import SIGNED, deep_ends, deep_grey, white_of
from imaging.errors import UnsupportedImage
from imaging.pixels import Deep, Ends, Rgb, grey_of, grey_to_rgb, strips, to_8_bit
from imaging.structure import tiff_tags

SIXTEEN_BIT_GREY = ("I;16", "I;16B", "I;16L", "I;16N")
DEEP_GREY = ("I", "F")
METADATA_ERRORS = (SyntaxError, ValueError, TypeError, LookupError, OSError, EOFError, struct.error)
"""What Pillow raises for tags or EXIF data that don't make sense."""
PNG_BIT_DEPTH_AT = 24
"""Offset in a PNG of the bits per sample."""
MIN_BRIGHTEST = 64
"""Least brightest value of the upper 8 bits of 16-bit colour; below it the upper bits count as unused."""
# Values of TIFF tags.
MIN_IS_WHITE = 0
SEPARATE_PLANES = 2
for order, white, bits, mode, stored in (
    (b"MM", MIN_IS_WHITE, 16, "I;16B", "I;16B"),
    (b"MM", MIN_IS_WHITE, 12, "I;16", "I;12"),
    (b"II", MIN_IS_WHITE, 12, "I;16", "I;12"),
    (b"MM", 1, 12, "I;16", "I;12"),
):
    # Pillow knows these only in the other byte order, or with black as zero.
    TiffImagePlugin.OPEN_INFO.setdefault((order, white, (1,), 1, (bits,), ()), (mode, stored))
TURNED: dict[int, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}
"""By EXIF's orientation, how to turn pixels (height, width, …) upright."""


def upright_rgb(image: Image.Image, content: bytes, ends: Ends | None = None) -> Rgb:
    """The pixels of a loaded image as a viewer shows them, uint8 (height, width, 3), transparency on black.

    Deep grey has the same black and white as in others with those `ends` (`ends_of`), and what lies beyond is clipped.
    The image is closed, which frees Pillow's copy. Raises UnsupportedImage for kinds that Pillow reads wrongly.
    """
    pixels, turn = _to_rgb(image, content, ends), TURNED.get(_orientation(image))
    image.close()
    return pixels if turn is None else _turned(pixels, turn)


def ends_of(image: Image.Image) -> Ends | None:
    """The least and the greatest value of a loaded image of deep grey; None for others."""
    if image.mode in DEEP_GREY:
        return deep_ends(image)
    if image.mode not in SIXTEEN_BIT_GREY:
        return None
    values = np.asarray(image)
    return np.array([values.min(), values.max()])


def upright_values(image: Image.Image, content: bytes, ends: Ends | None) -> Deep | None:
    """The values of a loaded image of grey, and which are black and white; None for colour and for transparency.

    Floats, and grey of more than 16 bits or with a sign, are given in 8 bits. Raises as `upright_rgb`.
    """
    if image.mode in SIXTEEN_BIT_GREY and not image.has_transparency_data:
        values = np.asarray(image).astype(np.uint16)
        greatest = int(values.max() if ends is None else ends[1])
        white = float(white_of(image, content, greatest))
        black_and_white = (white, 0.0) if _zero_is_white(image) else (0.0, white)
        return Deep(
            np.ascontiguousarray(TURNED.get(_orientation(image), np.asarray)(values)), *black_and_white
        )
    grey = grey_of(upright_rgb(image, content, ends))
    return None if grey is None else Deep(np.ascontiguousarray(grey), 0.0, 255.0)


def _to_rgb(image: Image.Image, content: bytes, ends: Ends | None) -> Rgb:
    """The pixels in the file's own orientation."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _refuse_misread(image)
    if image.mode in SIXTEEN_BIT_GREY or _is_signed_16_bit(image):
        grey = _narrow_grey(image, content, ends)
        # Pillow inverts 8-bit TIFFs whose zero means white, but not those of 16 bits.
        return grey_to_rgb(255 - grey if _zero_is_white(image) else grey)
    if image.mode in DEEP_GREY:
        grey = deep_grey(image, ends)
        return grey_to_rgb(255 - grey if _zero_is_white(image) else grey)
    if image.mode == "L" and not image.has_transparency_data:
        return grey_to_rgb(np.array(image))
    if image.format == "PNG" and image.mode == "L":
        _widen_transparency(image, content[PNG_BIT_DEPTH_AT])
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    shown = _opaque if _has_empty_alpha(image) else _on_black
    try:
        for rows in strips(image.height):
            pixels[rows] = shown(image.crop((0, rows.start, image.width, rows.stop)))
    except ValueError as error:
        raise UnsupportedImage(f"Images in the colour mode {image.mode} are not read.") from error
    _check_deep_colour(image, content, pixels)
    return pixels


def _has_empty_alpha(image: Image.Image) -> bool:
    """Whether an alpha channel that was never filled would hide the whole picture.

    A BMP often has one, and a TIFF may have a fourth sample without saying what it means.
    """
    may_be_unfilled = image.format == "BMP" or (
        isinstance(image, TiffImagePlugin.TiffImageFile) and tiff_tags.EXTRA_SAMPLES not in image.tag_v2
    )
    return may_be_unfilled and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0)


def _widen_transparency(image: Image.Image, depth: int) -> None:
    """Scale a PNG's transparent grey from its own depth to 8 bits; Pillow scales the pixels alone."""
    if isinstance(grey := image.info.get("transparency"), int):
        most = (1 << depth) - 1
        image.info["transparency"] = (grey & most) * 255 // most


def _opaque(strip: Image.Image) -> Rgb:
    return np.asarray(strip.convert("RGB"))


def _on_black(strip: Image.Image) -> Rgb:
    if strip.mode == "La":  # its grey is already multiplied by alpha
        strip = strip.getchannel("L")
    if strip.has_transparency_data:
        layer = strip.convert("RGBA")
        strip = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
    return np.asarray(strip.convert("RGB"))


def _refuse_misread(image: TiffImagePlugin.TiffImageFile) -> None:
    """Refuse the kinds of TIFF that Pillow opens but reads wrongly."""
    tags = image.tag_v2
    if (
        16 in tags.get(tiff_tags.BITS_PER_SAMPLE, ())
        and tags.get(tiff_tags.PLANAR_CONFIGURATION) == SEPARATE_PLANES
    ):
        raise UnsupportedImage("16-bit TIFF files with separate colour planes are not read.")
    if image.mode == "L" and SIGNED in tags.get(tiff_tags.SAMPLE_FORMAT, ()):
        raise UnsupportedImage("TIFF files with signed 8-bit values are not read.")


def _is_signed_16_bit(image: Image.Image) -> bool:
    return (
        image.mode == "I"
        and isinstance(image, TiffImagePlugin.TiffImageFile)
        and image.tag_v2.get(tiff_tags.BITS_PER_SAMPLE) == (16,)
    )


def _narrow_grey(image: Image.Image, content: bytes, ends: Ends | None) -> npt.NDArray[np.uint8]:
    values = np.asarray(image)
    least, greatest = (values.min(), values.max()) if ends is None else ends
    if least < 0:
        return deep_grey(image, ends)
    white = white_of(image, content, int(greatest))
    grey = np.empty(values.shape, np.uint8)
    for rows in strips(len(values)):
        grey[rows] = to_8_bit(values[rows].clip(0, white).astype(np.uint16, copy=False), white)
    if image.format == "PNG" and isinstance(transparent := image.info.get("transparency"), int):
        for rows in strips(len(grey)):
            grey[rows][values[rows] == transparent] = 0
    return grey


def _zero_is_white(image: Image.Image) -> bool:
    return (
        isinstance(image, TiffImagePlugin.TiffImageFile)
        and image.tag_v2.get(tiff_tags.PHOTOMETRIC) == MIN_IS_WHITE
    )


def _check_deep_colour(image: Image.Image, content: bytes, pixels: Rgb) -> None:
    """Refuse 16-bit colour that leaves its upper bits unused: Pillow keeps just the upper 8 of a channel."""
    if image.format == "PNG":
        deep = content[PNG_BIT_DEPTH_AT] == 16
    else:
        deep = isinstance(image, TiffImagePlugin.TiffImageFile) and 16 in image.tag_v2.get(
            tiff_tags.BITS_PER_SAMPLE, ()
        )
    if deep and pixels.max() < MIN_BRIGHTEST:
        raise UnsupportedImage(
            "The 16-bit colour image leaves its upper bits unused; export it in 8 bits or as grey."
        )


def _orientation(image: Image.Image) -> int:
    """The orientation by EXIF data, 1 (upright) where these are broken, as the pixels may be whole nevertheless.

    A TIFF counts as upright: Pillow turns it while it loads it, but keeps the tag.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1
    try:
        return int(image.getexif().get(tiff_tags.ORIENTATION, 1))
    except METADATA_ERRORS:
        return 1


def _turned(pixels: Rgb, turn: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]) -> Rgb:
    if pixels.strides[2] == 0:
        return grey_to_rgb(np.ascontiguousarray(turn(pixels[:, :, 0])))
    return np.ascontiguousarray(turn(pixels))
