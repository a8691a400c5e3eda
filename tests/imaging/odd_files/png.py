"""Odd PNG files: how each is made, and the picture that it shows."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np

from imaging.pixels import Rgb, grey_to_rgb
from tests.bombs import png_chunk
from tests.images import encoded
from tests.imaging.odd_files.pictures import (
    ALPHA,
    COLOUR,
    COLOUR_16,
    GREY,
    GREY_16,
    HALF_VISIBLE,
    HALF_VISIBLE_GREY,
    NIBBLES,
    SIXTEEN_GREYS,
    SIZE,
    TWO_MEGABYTES,
)
from tests.odd_files import in_bits, png_of

PNG: dict[str, tuple[Callable[[], bytes], Rgb]] = {
    # What says nothing about the pixels
    "png, 2 MB of packed text": (
        lambda: png_of(GREY, 8, 0, png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(TWO_MEGABYTES))),
        grey_to_rgb(GREY),
    ),
    "png, 2 MB of plain text": (
        lambda: png_of(GREY, 8, 0, behind=[png_chunk(b"tEXt", b"Comment\0" + b"x" * 2**21)]),
        grey_to_rgb(GREY),
    ),
    "png, 5 MB of text in many pieces": (
        lambda: png_of(GREY, 8, 0, *[png_chunk(b"tEXt", b"Comment\0" + b"x" * 2**15)] * 160),
        grey_to_rgb(GREY),
    ),
    "png, 2 MB of packed XMP behind the pixels": (
        lambda: png_of(
            GREY, 8, 0,
            behind=[png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(TWO_MEGABYTES))],
        ),
        grey_to_rgb(GREY),
    ),
    "png, profile of 2 MB": (
        lambda: png_of(COLOUR, 8, 2, png_chunk(b"iCCP", b"p\0\0" + zlib.compress(TWO_MEGABYTES))),
        COLOUR,
    ),
    "png, broken profile": (lambda: png_of(GREY, 8, 0, png_chunk(b"iCCP", b"p\0\7nothing")), grey_to_rgb(GREY)),
    "png, profile without a name": (lambda: png_of(GREY, 8, 0, png_chunk(b"iCCP", b"")), grey_to_rgb(GREY)),
    "png, text with a wrong checksum": (
        lambda: png_of(GREY, 8, 0, b"\0\0\0\4tEXta\0bcWRONG"[:-1]),
        grey_to_rgb(GREY),
    ),
    "png, gamma, time and size cut short": (
        lambda: png_of(
            GREY, 8, 0, *(png_chunk(kind, b"\0") for kind in (b"gAMA", b"cHRM", b"tIME", b"pHYs", b"sRGB"))
        ),
        grey_to_rgb(GREY),
    ),
    "png, gamma": (lambda: png_of(GREY, 8, 0, png_chunk(b"gAMA", struct.pack(">I", 100_000))), grey_to_rgb(GREY)),
    "png, broken EXIF data": (lambda: png_of(GREY, 8, 0, png_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")), grey_to_rgb(GREY)),
    "png, an unknown chunk of 3 MB": (lambda: png_of(GREY, 8, 0, png_chunk(b"prVt", bytes(3 * 2**20))), grey_to_rgb(GREY)),
    "png, an animation of one frame": (
        lambda: png_of(
            GREY, 8, 0,
            png_chunk(b"acTL", struct.pack(">II", 1, 0)),
            png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, *SIZE, 0, 0, 1, 1, 0, 0)),
        ),
        grey_to_rgb(GREY),
    ),
    "png, another file behind it": (lambda: encoded(GREY) + encoded(255 - GREY), grey_to_rgb(GREY)),
    # Transparency
    "png, 16 bits with alpha": (
        lambda: png_of(np.dstack([COLOUR_16, ALPHA.astype(np.uint16) * 257]), 16, 6),
        HALF_VISIBLE,
    ),
    "png, 16-bit grey with alpha": (
        lambda: png_of(np.dstack([GREY_16, ALPHA.astype(np.uint16) * 257]), 16, 4),
        grey_to_rgb(HALF_VISIBLE_GREY),
    ),
    "png, one grey is transparent": (
        lambda: png_of(GREY, 8, 0, png_chunk(b"tRNS", b"\0\x32")),
        grey_to_rgb(np.where(GREY == 0x32, 0, GREY).astype(np.uint8)),
    ),
    "png, one grey of 4 bits is transparent": (
        lambda: png_of(in_bits(NIBBLES, 4), 4, 0, png_chunk(b"tRNS", b"\0\5"), width=72),
        grey_to_rgb(np.where(NIBBLES == 5, 0, NIBBLES * 17).astype(np.uint8)),
    ),
    "png, one grey of 16 bits is transparent": (
        lambda: png_of(np.maximum(GREY_16, 1), 16, 0, png_chunk(b"tRNS", b"\xff\xff")),
        grey_to_rgb(np.where(GREY == 255, 0, GREY).astype(np.uint8)),
    ),
    "png, one colour of 16 bits is transparent": (
        lambda: png_of(COLOUR_16, 16, 2, png_chunk(b"tRNS", COLOUR_16[20, 30].astype(">u2").tobytes())),
        np.where((COLOUR == COLOUR[20, 30]).all(2)[..., None], 0, COLOUR).astype(np.uint8),
    ),
    "png, transparency of a wrong length": (
        lambda: png_of(COLOUR, 8, 2, png_chunk(b"tRNS", b"\0\1")),
        COLOUR,
    ),
    "png, palette with transparency": (
        lambda: png_of(
            NIBBLES, 8, 3,
            png_chunk(b"PLTE", bytes(np.repeat(SIXTEEN_GREYS, 3).astype(np.uint8))),
            png_chunk(b"tRNS", b"\xff" * 5 + b"\0"),
        ),
        grey_to_rgb(np.where(NIBBLES == 5, 0, NIBBLES * 17).astype(np.uint8)),
    ),
}  # fmt: skip
