"""What is stored of a picture can be read again, and is what was decoded: for every kind of file that is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imaging.decoding import examine
from imaging.pixels import Picture, grey_of
from imaging.png import encode_png
from tests.images import bscan, encoded, turned
from tests.imaging.dicom.kinds import KINDS
from tests.odd_files import tiff

GREY = bscan(96, 64, seed=3)
COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])
PILLOW = Image.fromarray(COLOUR)


def by_mode(file_format: str, *modes: str) -> dict[str, Callable[[], bytes]]:
    return {f"{file_format}, {mode}": partial(encoded, PILLOW.convert(mode), file_format) for mode in modes}


FILES: dict[str, Callable[[], bytes]] = {
    **by_mode("PNG", "1", "L", "LA", "P", "RGB", "RGBA"),
    "PNG, 16 bits": lambda: encoded(GREY.astype(np.uint16) * 257),
    "PNG with a colour that is transparent": lambda: encoded(PILLOW, transparency=(255, 0, 0)),
    "PNG with a palette that is partly transparent": lambda: encoded(
        PILLOW.convert("P"), transparency=bytes(range(256))
    ),
    **by_mode("JPEG", "L", "RGB", "CMYK"),
    "JPEG on its side": lambda: turned(COLOUR, "JPEG"),
    **by_mode("TIFF", "1", "L", "LA", "P", "RGB", "RGBA", "CMYK"),
    "TIFF, 16 bits": lambda: tiff(GREY.astype(np.uint16) * 16, photometric="minisblack"),
    "TIFF, 16 bits, white first": lambda: tiff(GREY.astype(np.uint16) * 16, photometric="miniswhite"),
    "TIFF, signed 16 bits": lambda: tiff(GREY.astype(np.int16) * 16, photometric="minisblack"),
    "TIFF, 32 bits": lambda: tiff(GREY.astype(np.uint32) * 16, photometric="minisblack"),
    "TIFF, floats": lambda: tiff(GREY.astype(np.float32), photometric="minisblack"),
    "TIFF, RGB of 16 bits": lambda: tiff(COLOUR.astype(np.uint16) * 257, photometric="rgb"),
    "TIFF on its side": lambda: turned(COLOUR, "TIFF"),
    **by_mode("BMP", "1", "L", "P", "RGB"),
    **by_mode("WEBP", "L", "RGB", "RGBA"),
    **{f"DICOM, {name}": partial(getattr, kind, "content") for name, kind in KINDS.items()},
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_stored_is_read_back(kind: str) -> None:
    decoded = examine(FILES[kind]()).decode_here().pixels
    grey = grey_of(decoded)
    stored = encode_png(decoded if grey is None else grey)
    assert np.array_equal(examine(stored).decode_here().pixels, decoded)


UNFIT: dict[str, np.ndarray[Any, Any]] = {
    "four channels": np.zeros((40, 50, 4), np.uint8),
    "two channels": np.zeros((40, 50, 2), np.uint8),
    "one channel": np.zeros((40, 50, 1), np.uint8),
    "16 bits": np.zeros((40, 50, 3), np.uint16),
    "floats": np.zeros((40, 50, 3)),
    "a row": np.zeros(40, np.uint8),
    "nothing": np.zeros((0, 50), np.uint8),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_pixels_of_another_kind_are_neither_stored_nor_a_picture(kind: str) -> None:
    with pytest.raises(ValueError, match=r"can't be written"):
        encode_png(UNFIT[kind])
    with pytest.raises(ValueError, match="no picture"):
        Picture(UNFIT[kind], "image/png")
