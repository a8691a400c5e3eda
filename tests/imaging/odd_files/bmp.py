"""Odd BMP files: how each is made, and the picture that it shows."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from imaging.pixels import Rgb, grey_to_rgb
from tests.images import encoded
from tests.imaging.odd_files.pictures import (
    ALPHA,
    BGR,
    BGRA,
    COLOUR,
    COLOUR_PALETTE,
    GREY,
    HALF_VISIBLE,
    MASKS,
    NIBBLES,
    PALETTE,
    PALETTE_COLOURS,
    SIXTEEN_GREYS,
    SIZE,
    TWO_GREYS,
)
from tests.odd_files import bmp_of, bmp_rows, in_bits


def run_lengths(values: np.ndarray) -> bytes:
    """Rows as RLE8 of a BMP: runs of one each, every row with its end."""
    return (
        b"".join(b"".join(bytes([1, value]) for value in row) + b"\0\0" for row in values[::-1].tolist())
        + b"\0\1"
    )


BMP: dict[str, tuple[Callable[[], bytes], Rgb]] = {
    # What says nothing about the pixels
    "bmp, zeros behind it": (lambda: encoded(COLOUR, "BMP") + bytes(5_000), COLOUR),
    # Transparency
    "bmp, alpha all zero (V5)": (
        lambda: bmp_of(SIZE, 32, bmp_rows(np.dstack([BGR, ALPHA * 0])), compression=3, header_bytes=124, masks=MASKS),
        COLOUR,
    ),
    "bmp, alpha all zero (V3)": (
        lambda: bmp_of(SIZE, 32, bmp_rows(np.dstack([BGR, ALPHA * 0])), compression=3, header_bytes=56, masks=MASKS),
        COLOUR,
    ),
    "bmp, masks all zero": (
        lambda: bmp_of(SIZE, 32, bmp_rows(np.dstack([BGR, ALPHA * 0])), compression=3, header_bytes=56),
        COLOUR,
    ),
    "bmp, alpha (V4)": (
        lambda: bmp_of(SIZE, 32, bmp_rows(BGRA), compression=3, header_bytes=108, masks=MASKS),
        HALF_VISIBLE,
    ),
    "bmp, 32 bits without alpha": (lambda: bmp_of(SIZE, 32, bmp_rows(np.dstack([BGR, ALPHA]))), COLOUR),
    "bmp, 32 bits, masks behind the header": (
        lambda: bmp_of(SIZE, 32, bmp_rows(BGRA), struct.pack("<III", *MASKS[:3]), compression=3),
        COLOUR,
    ),
    # Palettes
    "bmp, 8 bits of two entries": (
        lambda: bmp_of(SIZE, 8, bmp_rows(GREY >> 7), b"\0\0\0\0\xff\xff\xff\0", colours=2),
        grey_to_rgb(TWO_GREYS),
    ),
    "bmp, 4 bits of two entries": (
        lambda: bmp_of(SIZE, 4, bmp_rows(in_bits(GREY >> 7, 4)), b"\0\0\0\0\xff\xff\xff\0", colours=2),
        grey_to_rgb(TWO_GREYS),
    ),
    "bmp, 1 bit, white first": (
        lambda: bmp_of(SIZE, 1, bmp_rows(in_bits(GREY >> 7, 1)), b"\xff\xff\xff\0\0\0\0\0"),
        grey_to_rgb(255 - TWO_GREYS),
    ),
    "bmp, 4 bits": (
        lambda: bmp_of(SIZE, 4, bmp_rows(in_bits(NIBBLES, 4)), bytes(np.repeat(SIXTEEN_GREYS, 4).astype(np.uint8))),
        grey_to_rgb((NIBBLES * 17).astype(np.uint8)),
    ),
    "bmp, run lengths of two entries": (
        lambda: bmp_of(SIZE, 8, run_lengths(GREY >> 7), b"\0\0\0\0\xff\xff\xff\0", compression=1, colours=2),
        grey_to_rgb(TWO_GREYS),
    ),
    "bmp, 4 bits whose palette is nearly black": (
        lambda: bmp_of(SIZE, 4, bmp_rows(in_bits(NIBBLES, 4)), bytes(np.repeat(np.arange(16, dtype=np.uint8), 4))),
        grey_to_rgb(NIBBLES.astype(np.uint8)),
    ),
    "bmp, 8 bits, OS/2": (
        lambda: bmp_of(SIZE, 8, bmp_rows(GREY), bytes(PALETTE[::-1].T.astype(np.uint8).tobytes()), header_bytes=12),
        PALETTE_COLOURS,
    ),
    "bmp, OS/2 2": (lambda: bmp_of(SIZE, 8, bmp_rows(GREY), COLOUR_PALETTE, header_bytes=64), PALETTE_COLOURS),
    "bmp, run lengths": (
        lambda: bmp_of(SIZE, 8, run_lengths(GREY), COLOUR_PALETTE, compression=1),
        PALETTE_COLOURS,
    ),
    "bmp, the upper row first": (
        lambda: bmp_of((72, -48), 24, bmp_rows(BGR[::-1])),
        COLOUR,
    ),
    "bmp, 16 bits": (
        lambda: bmp_of(SIZE, 16, bmp_rows((GREY // 8).astype("<u2") * (1 + 32 + 1024))),
        grey_to_rgb(((GREY // 8).astype(np.uint16) * 255 // 31).astype(np.uint8)),
    ),
    "bmp, 24 bits, OS/2": (lambda: bmp_of(SIZE, 24, bmp_rows(BGR), header_bytes=12), COLOUR),
    "bmp, widths that are filled": (lambda: bmp_of((71, 48), 24, bmp_rows(BGR[:, :71])), COLOUR[:, :71]),
}  # fmt: skip
