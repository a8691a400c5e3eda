"""Values narrower or wider than words of 8 bits are shown by what the file says of them, else by what they are."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile

from imaging.decoding import decode
from imaging.errors import UnsupportedImage
from tests.bombs import png_chunk
from tests.images import bscan, encoded
from tests.odd_files import tiff

GREY = bscan(96, 64, seed=3)
DEEP = GREY.astype(np.uint16)
FLOATS = GREY.astype(np.float32)
LARGEST, SMALLEST_SAMPLE, LARGEST_SAMPLE = 281, 340, 341
SHORT, LONG, FLOAT = 3, 4, 11
Values = np.ndarray[Any, Any]


def tagged(values: Values, *tags: tuple[int, int, Any], **options: Any) -> bytes:
    """A TIFF with tags of a number, a type and a value."""
    extra = [(number, kind, 1, value, True) for number, kind, value in tags]
    return tiff(values, **({"photometric": "minisblack", "extratags": extra} | options))


def png(values: Values, bits: int) -> bytes:
    """A PNG that says how many bits count."""
    whole = encoded(values)
    at = whole.index(b"IDAT") - 4
    return whole[:at] + png_chunk(b"sBIT", bytes([bits])) + whole[at:]


def packed_12_bits() -> bytes:
    """A TIFF whose values of 12 bits share bytes."""
    pairs = (DEEP * 4).reshape(-1, 2).astype(np.uint32)
    words = pairs[:, 0] << 12 | pairs[:, 1]
    data = np.stack([words >> 16, words >> 8 & 255, words & 255], axis=1).astype(np.uint8).tobytes()
    content = bytearray(tagged(np.frombuffer(data, np.uint8).reshape(64, 144)))
    page = tifffile.TiffFile(io.BytesIO(content)).pages[0]
    for name, value in (("ImageWidth", 96), ("BitsPerSample", 12)):
        at = page.tags[name].valueoffset  # type: ignore[union-attr]
        content[at : at + 2] = value.to_bytes(2, "little")
    return bytes(content)


FILES: dict[str, tuple[Callable[[], bytes], Values]] = {
    "PNG, 12 bits": (lambda: png(DEEP * 16, 12), GREY),
    "PNG, 12 bits, dark": (lambda: png(DEEP * 4, 12), GREY / 4),
    "PNG, 12 bits at the upper end, as they should lie": (lambda: png(DEEP * 64, 12), GREY / 4),
    "PNG, 10 bits": (lambda: png(DEEP * 4, 10), GREY),
    "PNG, 15 bits": (lambda: png(DEEP * 128, 15), GREY),
    "PNG, all 16 bits, 12 in use": (lambda: png(DEEP * 16, 16), GREY),
    "PNG, no bits": (lambda: png(DEEP * 16, 0), GREY),
    "TIFF, largest of 12 bits": (lambda: tagged(DEEP * 4, (LARGEST, SHORT, 4095)), GREY / 4),
    "TIFF, largest of 15 bits": (lambda: tagged(DEEP * 128, (LARGEST, SHORT, 32767)), GREY),
    "TIFF, largest sample of 12 bits": (lambda: tagged(DEEP * 4, (LARGEST_SAMPLE, SHORT, 4095)), GREY / 4),
    "TIFF, largest value that there is": (lambda: tagged(DEEP * 8, (LARGEST, SHORT, 2040)), GREY / 2),
    "TIFF, largest of 16 bits, 12 in use": (lambda: tagged(DEEP * 16, (LARGEST, SHORT, 65535)), GREY),
    "TIFF, largest below what there is": (lambda: tagged(DEEP * 16, (LARGEST, SHORT, 7)), GREY),
    "TIFF, largest of 12 bits, white first": (
        lambda: tagged(4095 - DEEP * 16, (LARGEST, SHORT, 4095), photometric="miniswhite"),
        GREY,
    ),
    "TIFF, 12 bits packed": (packed_12_bits, GREY / 4),
    "TIFF, signed, the upper half": (lambda: tagged(GREY.astype(np.int16) * 128), GREY),
    "TIFF, signed, 12 bits": (lambda: tagged(GREY.astype(np.int16) * 16), GREY),
    "TIFF, signed, both halves": (lambda: tagged(GREY.astype(np.int16) * 8 - 1000), GREY),
    "TIFF, signed, range said": (
        lambda: tagged(GREY.astype(np.int16) - 100, (SMALLEST_SAMPLE, 8, -100), (LARGEST_SAMPLE, 8, 410)),
        GREY / 2,
    ),
    "TIFF, 32 bits": (lambda: tagged(GREY.astype(np.uint32) * 0x01010101), GREY),
    "TIFF, 32 bits, 12 in use": (lambda: tagged(GREY.astype(np.uint32) * 16), GREY),
    "TIFF, 32 bits, signed": (lambda: tagged(GREY.astype(np.int32) * 1000 - 50_000), GREY),
    "TIFF, floats": (lambda: tagged(FLOATS / 255), GREY),
    "TIFF, big-endian floats": (lambda: tagged(FLOATS / 255, byteorder=">"), GREY),
    "TIFF, floats, packed": (lambda: tagged(FLOATS, compression="zlib"), GREY),
    "TIFF, floats, range said": (
        lambda: tagged(FLOATS, (SMALLEST_SAMPLE, FLOAT, 0.0), (LARGEST_SAMPLE, FLOAT, 510.0)),
        GREY / 2,
    ),
    "TIFF, floats, range beside them": (
        lambda: tagged(FLOATS, (SMALLEST_SAMPLE, FLOAT, 3.0), (LARGEST_SAMPLE, FLOAT, 4.0)),
        GREY,
    ),
    "TIFF, floats and what is none": (
        lambda: tagged(np.where(GREY < 5, np.nan, FLOATS)),
        np.clip(FLOATS - 5, 0, 250) * 255 / 250,
    ),
    "TIFF, nothing but what is no number": (lambda: tagged(FLOATS * np.nan), GREY * 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_values_are_shown_by_the_bits_that_count(kind: str) -> None:
    make, expected = FILES[kind]
    assert (GREY.min(), GREY.max()) == (0, 255)
    assert np.abs(decode(make()).pixels[..., 0] - expected.astype(float)).max() <= 1


REFUSED: dict[str, Callable[[], bytes]] = {
    "floats of 16 bits": lambda: tagged(GREY.astype(np.float16)),
    "floats of 64 bits": lambda: tagged(GREY.astype(np.float64)),
    "64 bits": lambda: tagged(GREY.astype(np.uint64)),
    "32 bits, white first": lambda: tagged(GREY.astype(np.uint32), photometric="miniswhite"),
    "signed 8 bits": lambda: tagged(GREY.astype(np.int8)),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_words_are_refused(kind: str) -> None:
    with pytest.raises(UnsupportedImage):
        decode(REFUSED[kind]())
