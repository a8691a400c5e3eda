"""What real encoders write is read, however finely it is cut; what is out of proportion is refused (see tests/bombs.py)."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from imaging.decoding import decode, examine
from imaging.errors import ImageTooComplex, SeveralImages, TruncatedImage, UnsupportedImage
from imaging.structure import jpeg, png
from tests.bombs import (
    GREY,
    functional_groups,
    jpeg_with,
    many_frames,
    nested_dicom,
    packed_bmp,
    png_chunk,
    progressive_jpeg,
    segment,
    striped_tiff,
    tile_tiff,
)
from tests.bombs import png as made_png
from tests.images import bscan, encoded
from tests.odd_files import tiff

COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])


ROWS = bscan(96, 4000)
USUAL = {
    "a progressive JPEG of as many scans as there may be": progressive_jpeg(jpeg.MAX_SCANS),
    "a JPEG with a profile of a megabyte": jpeg_with(segment(0xE2, b"ICC_PROFILE\0" + bytes(60_000)) * 20),
    "a JPEG with filling before its segments": jpeg_with(b"\xff" * 1000),
    "a JPEG with a picture behind it": encoded(GREY, "JPEG") + progressive_jpeg(400),
    "a PNG in chunks of 4 KiB": made_png(
        64, 48, *(png_chunk(b"IDAT", part) for part in (zlib.compress(bytes(65 * 48)), *[b""] * 8_000))
    ),
    "a PNG with zeros behind it": encoded(GREY) + bytes(2**20),
    "a TIFF of a row a strip": tiff(ROWS, photometric="minisblack", compression="zlib", rowsperstrip=1),
    "an uncompressed TIFF of a row a strip": tiff(ROWS, photometric="minisblack", rowsperstrip=1),
    "a TIFF in tiles": tiff(ROWS, photometric="minisblack", compression="zlib", tile=(256, 256)),
    "a BigTIFF": tiff(ROWS, photometric="minisblack", compression="zlib", rowsperstrip=1, bigtiff=True),
    "a big-endian TIFF": tiff(
        ROWS, photometric="minisblack", compression="zlib", rowsperstrip=1, byteorder=">"
    ),
    "a DICOM file of 2,000 items": nested_dicom(2_000),
    "a DICOM file of 5,000 elements": nested_dicom(0, elements=5_000),
}


@pytest.mark.parametrize("kind", USUAL)
def test_what_encoders_write_is_read(kind: str) -> None:
    assert decode(USUAL[kind]).width in (64, 96)


TOO_MUCH: dict[str, Callable[[], bytes]] = {
    "a scan too many": lambda: progressive_jpeg(jpeg.MAX_SCANS + 1),
    "segments": lambda: jpeg_with(segment(0xFE, b"") * jpeg.MAX_SEGMENTS),
    "filling in a scan": lambda: (
        encoded(GREY, "JPEG")[:-2] + b"\xff" * (jpeg.MAX_STRAY_BYTES + 1) + b"\xff\xd9"
    ),
    "filling": lambda: jpeg_with(segment(0xE0, b"") + bytes(jpeg.MAX_STRAY_BYTES + 1)),
    "scans with segments between them": lambda: progressive_jpeg(3).replace(
        b"\xff\xda", segment(0xFE, b"\xff\xda") * jpeg.MAX_SEGMENTS + b"\xff\xda", 1
    ),
    "chunks": lambda: made_png(64, 48, png_chunk(b"tEXt", b"") * png.MAX_CHUNKS),
    "strips": lambda: striped_tiff(70_000),
    "a tile": lambda: tile_tiff(4_096),
    "items": lambda: nested_dicom(20_000),
    "elements": lambda: nested_dicom(0, elements=25_000),
    "items in items": lambda: nested_dicom(20_000, depth=3),
    "functional groups": lambda: functional_groups(20_000),
    "run lengths": lambda: packed_bmp(600_000),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_what_is_out_of_proportion_is_refused(kind: str) -> None:
    content = TOO_MUCH[kind]()
    with pytest.raises(ImageTooComplex) as refused:
        decode(content)
    assert refused.value.status == 422


def test_an_animation_is_known_by_its_chunks() -> None:
    with pytest.raises(SeveralImages):
        examine(many_frames())
    frames = Image.fromarray(bscan(64, 48))
    assert examine(encoded(frames, "WEBP", save_all=True, append_images=[frames])).width == 64, (
        "Pillow makes it one"
    )


def test_strips_that_share_their_bytes_are_refused() -> None:
    whole = tiff(ROWS, photometric="minisblack", compression="zlib", rowsperstrip=1)
    assert decode(whole).height == 4000
    with pytest.raises(TruncatedImage, match="over each other"):
        decode(striped_tiff(1_000, 8, zlib.compress(bytes(64)) + bytes(2_000)))


@pytest.mark.parametrize("compression", ["lzma", "zstd"])
def test_compressions_with_dictionaries_of_their_own_are_named(compression: str) -> None:
    with pytest.raises(UnsupportedImage, match="compression"):
        decode(encoded(COLOUR, "TIFF", compression=compression))


def test_arithmetic_coding_is_refused() -> None:
    with pytest.raises(UnsupportedImage, match="arithmetic"):
        decode(encoded(GREY, "JPEG").replace(b"\xff\xc0", b"\xff\xc9", 1))


def test_what_a_progressive_decoder_keeps_is_known() -> None:
    def kept(pixels: np.ndarray, **options: object) -> float:
        return jpeg.cleaned(encoded(pixels, "JPEG", **options)).coefficient_bytes

    assert kept(COLOUR) == 0
    assert kept(GREY, progressive=True) == 2
    assert kept(COLOUR, progressive=True, subsampling=0) == 6
    assert kept(COLOUR, progressive=True, subsampling=2) == 3
