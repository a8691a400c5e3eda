"""Files that are odd but legal come out as other programs show them, or are refused by name; none shows a part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from imaging.decoding import decode
from imaging.errors import ImageError, SeveralImages, TruncatedImage, UnsupportedImage
from imaging.pixels import grey_to_rgb
from tests.bombs import packed_zeros, png_chunk
from tests.imaging.odd_files.bmp import BMP
from tests.imaging.odd_files.jpeg import LOSSY
from tests.imaging.odd_files.pictures import BGRA, GREY, GREY_16, NIBBLES, SIZE
from tests.imaging.odd_files.png import PNG
from tests.imaging.odd_files.several import SEVERAL
from tests.imaging.odd_files.tiff import TIFF, tag_outside
from tests.imaging.odd_files.webp import WEBP
from tests.odd_files import bmp_of, bmp_rows, png_of, tiff, tiff_of

READ = PNG | TIFF | BMP | WEBP


@pytest.mark.parametrize("kind", READ)
def test_odd_files_come_out_as_they_should(kind: str) -> None:
    made, expected = READ[kind]
    pixels = decode(made()).pixels
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= (1 if kind == "bmp, 16 bits" else 0)


@pytest.mark.parametrize("kind", LOSSY)
def test_odd_jpeg_files_come_out_as_they_should(kind: str) -> None:
    content, expected = LOSSY[kind]
    pixels = decode(content).pixels
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("kind", SEVERAL)
def test_one_of_several_pictures_never_stands_for_all(kind: str) -> None:
    with pytest.raises(SeveralImages, match="several images") as refused:
        decode(SEVERAL[kind]())
    assert refused.value.status == 422


REFUSED: dict[str, tuple[Callable[[], bytes], type[ImageError]]] = {
    "a TIFF whose colour is stored more coarsely, unpacked": (
        lambda: tiff_of(
            SIZE, bytes(72 * 48 * 3 // 2),
            {258: (3, [8] * 3), 262: (3, [6]), 277: (3, [3]), 530: (3, [2, 2])},
        ),
        UnsupportedImage,
    ),
    "a TIFF with a list of strips outside of it": (
        lambda: tag_outside(tiff(GREY, photometric="minisblack", rowsperstrip=5), 273), TruncatedImage,
    ),
    "a big-endian BigTIFF without its end": (
        lambda: tiff(GREY_16, photometric="minisblack", byteorder=">", bigtiff=True)[:-200], TruncatedImage,
    ),
    "a TIFF whose pixels end too early": (lambda: tiff_of(SIZE, GREY.tobytes(), {273: (4, [2_000])}), TruncatedImage),
    "a TIFF that names one strip of two": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {257: (3, [96]), 278: (3, [48])}),
        TruncatedImage,
    ),
    "a BMP with odd masks": (
        lambda: bmp_of(SIZE, 32, bmp_rows(BGRA), compression=3, header_bytes=56, masks=(0x3FF00000, 0xFFC00, 0x3FF, 0)),
        UnsupportedImage,
    ),
    "a PNG with a damaged palette": (
        lambda: png_of(NIBBLES, 8, 3, png_chunk(b"PLTE", bytes(48))[:-1] + b"\0"), ImageError,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_be_shown_wrongly_is_refused_by_name(kind: str) -> None:
    made, error = REFUSED[kind]
    with pytest.raises(error):
        decode(made())


def test_packed_text_is_never_unpacked() -> None:
    """Two gigabytes in two megabytes, as text and as a profile, in a file that shows a picture."""
    text = packed_zeros(1024)
    content = png_of(
        GREY, 8, 0, png_chunk(b"zTXt", b"Comment\0\0" + text), png_chunk(b"iCCP", b"p\0\0" + text)
    )
    assert np.array_equal(decode(content).pixels, grey_to_rgb(GREY))
