"""Every kind of file a clinic may send comes out as the picture a viewer shows, or is refused by name."""

import io
import zlib

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image, ImageOps

from imaging.decoding import decode
from imaging.errors import (
    EmptyImage,
    ImageError,
    ImageTooLarge,
    ImageTooSmall,
    SeveralImages,
    TruncatedImage,
    UnsupportedImage,
)
from imaging.pixels import Rgb, grey_to_rgb
from tests.images import bscan, encoded
from tests.odd_files import tiff

GREY = bscan(200, 150, seed=1)
GREY_16 = GREY.astype(np.uint16) * 257
COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])
COLOUR_16 = COLOUR.astype(np.uint16) * 257


def png_16(values: npt.NDArray[np.uint16]) -> bytes:
    """A 16-bit colour PNG, which Pillow can't write."""
    return cv2.imencode(".png", values[..., ::-1])[1].tobytes()


def in_rgb(image: Image.Image) -> Rgb:
    return np.array(image.convert("RGB"))


def quantized() -> Image.Image:
    return Image.fromarray(COLOUR).quantize(64)


EXACT = {
    "png grey": (encoded(GREY), grey_to_rgb(GREY)),
    "png colour": (encoded(COLOUR), COLOUR),
    "png palette": (encoded(quantized()), in_rgb(quantized())),
    "png 1 bit": (
        encoded(Image.fromarray(GREY).convert("1")),
        in_rgb(Image.fromarray(GREY).convert("1")),
    ),
    "png 16-bit grey": (encoded(GREY_16), grey_to_rgb(GREY)),
    "png 16-bit colour": (png_16(COLOUR_16), COLOUR),
    "bmp grey": (encoded(GREY, "BMP"), grey_to_rgb(GREY)),
    "bmp colour": (encoded(COLOUR, "BMP"), COLOUR),
    "bmp palette": (encoded(quantized(), "BMP"), in_rgb(quantized())),
    "webp lossless": (encoded(COLOUR, "WEBP", lossless=True), COLOUR),
    "tiff grey": (encoded(GREY, "TIFF"), grey_to_rgb(GREY)),
    "tiff lzw": (encoded(COLOUR, "TIFF", compression="tiff_lzw"), COLOUR),
    "tiff deflate": (encoded(COLOUR, "TIFF", compression="tiff_adobe_deflate"), COLOUR),
    "tiff packbits": (encoded(GREY, "TIFF", compression="packbits"), grey_to_rgb(GREY)),
    "tiff palette": (encoded(quantized(), "TIFF"), in_rgb(quantized())),
    "tiff cmyk": (encoded(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"), COLOUR),
    "tiff planes": (
        tiff(np.moveaxis(COLOUR, 2, 0).copy(), photometric="rgb", planarconfig="separate"),
        COLOUR,
    ),
    "tiff tiles": (tiff(COLOUR, photometric="rgb", tile=(64, 64)), COLOUR),
    "tiff big": (tiff(GREY_16, photometric="minisblack", bigtiff=True), grey_to_rgb(GREY)),
    "tiff white is 0": (tiff(255 - GREY, photometric="miniswhite"), grey_to_rgb(GREY)),
    "tiff 16-bit white is 0": (tiff(65535 - GREY_16, photometric="miniswhite"), grey_to_rgb(GREY)),
    "tiff 16-bit grey": (tiff(GREY_16, photometric="minisblack"), grey_to_rgb(GREY)),
    "tiff 16-bit big-endian": (tiff(GREY_16, photometric="minisblack", byteorder=">"), grey_to_rgb(GREY)),
    "tiff 16-bit tiles": (tiff(GREY_16, photometric="minisblack", tile=(64, 64)), grey_to_rgb(GREY)),
    "tiff 16-bit colour": (tiff(COLOUR_16, photometric="rgb"), COLOUR),
}


@pytest.mark.parametrize("kind", EXACT)
def test_pixels_come_out_exactly(kind: str) -> None:
    content, expected = EXACT[kind]
    picture = decode(content)
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, expected)
    assert (picture.width, picture.height) == (200, 150)


LOSSY = {
    "jpeg grey": (encoded(GREY, "JPEG", quality=95), grey_to_rgb(GREY)),
    "jpeg colour": (encoded(COLOUR, "JPEG", quality=95, subsampling=0), COLOUR),
    "jpeg progressive": (encoded(COLOUR, "JPEG", quality=95, subsampling=0, progressive=True), COLOUR),
    "jpeg cmyk": (encoded(Image.fromarray(COLOUR).convert("CMYK"), "JPEG", quality=95), COLOUR),
    "webp": (encoded(grey_to_rgb(GREY), "WEBP", quality=95), grey_to_rgb(GREY)),
    "tiff jpeg": (encoded(GREY, "TIFF", compression="jpeg", quality=95), grey_to_rgb(GREY)),
}


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_pixels_come_out_alike(kind: str) -> None:
    content, expected = LOSSY[kind]
    assert np.abs(decode(content).pixels.astype(int) - expected).mean() < 4


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (encoded(GREY), "image/png"),
        (encoded(GREY, "JPEG"), "image/jpeg"),
        (encoded(GREY, "TIFF"), "image/tiff"),
        (encoded(GREY, "BMP"), "image/bmp"),
        (encoded(GREY, "WEBP"), "image/webp"),
    ],
)
def test_the_bytes_say_what_they_are_whatever_was_declared(content: bytes, media_type: str) -> None:
    assert decode(content, "application/dicom").media_type == media_type


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "PNG 16", "JPEG", "WEBP", "TIFF 16"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file_format, deep = kind.split()[0], kind.endswith("16")
    if kind == "TIFF 16":
        content = tiff(GREY_16, photometric="minisblack", extratags=[(274, 3, 1, orientation, True)])
    else:
        content = encoded(GREY_16 if deep else GREY, file_format, exif=exif)
    upright = Image.fromarray(GREY)
    upright.getexif()[0x0112] = orientation
    expected = grey_to_rgb(np.array(ImageOps.exif_transpose(upright)))
    pixels = decode(content).pixels
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() < 5


def test_unreadable_exif_data_do_not_hide_the_picture() -> None:
    content = encoded(GREY, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert decode(content).width == 200


def test_transparency_lies_on_black() -> None:
    alpha = np.zeros_like(GREY)
    alpha[:, 100:] = 255
    expected = np.where(alpha[..., None] == 255, COLOUR, 0)
    for file_format in ("PNG", "TIFF"):
        assert np.array_equal(decode(encoded(np.dstack([COLOUR, alpha]), file_format)).pixels, expected)
    grey = encoded(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)]))
    assert np.array_equal(decode(grey).pixels, np.where(alpha[..., None] == 255, grey_to_rgb(GREY), 0))


def test_a_transparent_palette_entry_is_black() -> None:
    image = Image.fromarray(np.repeat(np.array([[0, 1]], np.uint8), 50, 0).repeat(25, 1), "P")
    image.putpalette([200, 200, 200, 90, 90, 90])
    pixels = decode(encoded(image, transparency=0)).pixels
    assert (pixels[:, :25] == 0).all() and (pixels[:, 25:] == 90).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_16_bit_files_with_fewer_bits_in_use_are_neither_black_nor_stretched(bits: int) -> None:
    values = (GREY_16.astype(np.uint32) * ((1 << bits) - 1) // GREY_16.max()).astype(np.uint16)
    pixels = decode(encoded(values)).pixels[..., 0].astype(int)
    assert np.abs(pixels - values.astype(float) * 255 / ((1 << bits) - 1)).max() <= 1


def test_an_empty_body_is_refused() -> None:
    with pytest.raises(EmptyImage, match="no image"):
        decode(b"")


@pytest.mark.parametrize(
    "content", [b"hello", b"BMW is a car maker and this is text", b"\0" * 500, b"x" * 10_000]
)
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(ImageError, match="not an image") as refused:
        decode(content)
    assert refused.value.code == "unreadable_image"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (encoded(GREY, "GIF"), "a GIF"),
        (encoded(GREY, "JPEG2000"), "a JPEG 2000"),
        (encoded(GREY, "AVIF"), "a HEIC, AVIF or video"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
        (b"HSF-OCT-103", "a Heidelberg volume"),
    ],
)
def test_an_unsupported_type_is_named(content: bytes, kind: str) -> None:
    with pytest.raises(UnsupportedImage, match=kind):
        decode(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tiff(GREY.astype(np.int8)), id="signed 8 bits"),
        pytest.param(png_16((COLOUR_16 >> 4) // 2), id="deep colour of 11 bits"),
        pytest.param(
            tiff(np.moveaxis(COLOUR_16, 2, 0).copy(), photometric="rgb", planarconfig="separate"),
            id="deep colour planes",
        ),
    ],
)
def test_what_would_come_out_wrong_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedImage):
        decode(content)


@pytest.mark.parametrize("kind", [*EXACT, *LOSSY])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.8])
def test_a_truncated_file_is_refused(kind: str, kept: float) -> None:
    content = (EXACT | LOSSY)[kind][0]
    with pytest.raises(TruncatedImage):
        decode(content[: int(len(content) * kept)])


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
def test_a_file_without_its_last_bytes_is_refused(file_format: str) -> None:
    content = encoded(GREY, file_format)
    with pytest.raises(TruncatedImage):
        decode(content[:-4])


def test_a_damaged_file_is_refused() -> None:
    content = bytearray(encoded(GREY))
    middle = len(content) // 2
    content[middle : middle + 20] = b"\xff" * 20
    with pytest.raises(ImageError):
        decode(bytes(content))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and brings no pixels: who decodes it first, fails otherwise."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0"
    checked = b"\0\0\0\x0d" + header + zlib.crc32(header).to_bytes(4, "big")
    data = b"\0\0\0\0IDAT" + zlib.crc32(b"IDAT").to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + checked + data + b"\0\0\0\0IEND\xaeB`\x82"


@pytest.mark.parametrize(
    ("width", "height"), [(8001, 5000), (100_000, 40), (60_000, 60_000), (2**31 - 1, 2**31 - 1)]
)
def test_too_many_pixels_are_refused_before_decoding(width: int, height: int) -> None:
    with pytest.raises(ImageTooLarge):
        decode(png_header(width, height))


def test_40_megapixels_are_read() -> None:
    assert decode(encoded(np.zeros((5000, 8000), np.uint8))).pixels.shape == (5000, 8000, 3)


@pytest.mark.parametrize(("width", "height"), [(31, 500), (500, 31), (1, 1)])
def test_a_short_side_is_refused(width: int, height: int) -> None:
    with pytest.raises(ImageTooSmall, match=f"{width} × {height}"):
        decode(encoded(np.zeros((height, width), np.uint8)))


def test_32_pixels_a_side_are_read() -> None:
    assert decode(encoded(np.zeros((32, 32), np.uint8))).height == 32


@pytest.mark.parametrize("file_format", ["TIFF", "WEBP", "PNG"])
def test_several_images_in_one_file_are_refused(file_format: str) -> None:
    pages = [Image.fromarray(bscan(64, 48, seed)) for seed in range(3)]
    content = encoded(pages[0], file_format, save_all=True, append_images=pages[1:])
    with pytest.raises(SeveralImages, match="several images"):
        decode(content)


def test_a_thumbnail_is_no_second_image() -> None:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(GREY, photometric="minisblack")
        writer.write(GREY[::4, ::4], photometric="minisblack", subfiletype=1)
    assert np.array_equal(decode(out.getvalue()).pixels, grey_to_rgb(GREY))
