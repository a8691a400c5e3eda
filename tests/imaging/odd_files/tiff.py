"""Odd TIFF files: how each is made, and the picture that it shows."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable

import numpy as np
import tifffile

from imaging.pixels import Rgb, grey_to_rgb
from tests.images import encoded
from tests.imaging.odd_files.pictures import (
    ALPHA,
    COLOUR,
    GREY,
    GREY_16,
    HALF_VISIBLE,
    HALF_VISIBLE_GREY,
    NIBBLES,
    OUTSIDE,
    PALETTE,
    PALETTE_COLOURS,
    SIXTEEN_GREYS,
    SIZE,
    TWELVE,
    WITH_ALPHA,
    WITH_ALPHA_ZERO,
)
from tests.odd_files import in_bits, tiff, tiff_of


def tag_outside(content: bytes, tag: int, order: str = "<") -> bytes:
    """The TIFF with that tag's values far behind the end of the file."""
    changed = bytearray(content)
    (at,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from(order + "H", content, entry) == (tag,):
            struct.pack_into(order + "I", changed, entry + 8, OUTSIDE)
            return bytes(changed)
    raise AssertionError(f"no tag {tag}")


def pages(*levels: tuple[np.ndarray, int]) -> bytes:
    """A TIFF of these pictures, each with its kind of NewSubfileType."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for values, kind in levels:
            writer.write(values, photometric="minisblack", subfiletype=kind, metadata=None)
    return out.getvalue()


def below(first: np.ndarray, kind: int, inner: np.ndarray, inner_kind: int) -> bytes:
    """A TIFF with one directory, and one more below it."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(first, photometric="minisblack", subifds=1, subfiletype=kind, metadata=None)
        writer.write(inner, photometric="minisblack", subfiletype=inner_kind, metadata=None)
    return out.getvalue()


def in_planes(values: np.ndarray, **options: object) -> bytes:
    return tiff(np.moveaxis(values, 2, 0).copy(), photometric="rgb", planarconfig="separate", **options)


def described(text: str, behind: bytes = b"") -> bytes:
    return tiff_of(SIZE, GREY.tobytes(), {270: (2, text.encode() + b"\0")}, behind=behind)


TIFF: dict[str, tuple[Callable[[], bytes], Rgb]] = {
    # What says nothing about the pixels
    "tiff, text that lies outside of the file": (
        lambda: tag_outside(tiff_of(SIZE, GREY.tobytes(), {270: (2, b"a long description")}), 270),
        grey_to_rgb(GREY),
    ),
    "tiff, profile that lies outside of the file": (
        lambda: tag_outside(encoded(GREY, "TIFF", icc_profile=bytes(5_000)), 34675),
        grey_to_rgb(GREY),
    ),
    "tiff, EXIF data that lie outside of the file": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {34665: (4, [OUTSIDE]), 34853: (13, [OUTSIDE])}),
        grey_to_rgb(GREY),
    ),
    "tiff, XMP of 3 MB": (lambda: tiff_of(SIZE, GREY.tobytes(), {700: (1, bytes(3 * 2**20))}), grey_to_rgb(GREY)),
    "tiff, 100,000 numbers of a program": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {50000: (4, range(100_000))}),
        grey_to_rgb(GREY),
    ),
    "tiff, a tag of an unknown type": (lambda: tiff_of(SIZE, GREY.tobytes(), {40000: (99, b"1234")}), grey_to_rgb(GREY)),
    "tiff, zeros behind it": (lambda: encoded(GREY, "TIFF") + bytes(100_000), grey_to_rgb(GREY)),
    # Transparency
    "tiff, a fourth sample of no stated meaning": (lambda: tiff_of(SIZE, WITH_ALPHA_ZERO.tobytes(), {258: (3, [8] * 4), 262: (3, [2]), 277: (3, [4]), 338: (3, [0])}), COLOUR),
    "tiff, a fourth sample that nothing is said of": (
        lambda: tiff_of(SIZE, WITH_ALPHA_ZERO.tobytes(), {258: (3, [8] * 4), 262: (3, [2]), 277: (3, [4])}),
        COLOUR,
    ),
    "tiff, alpha": (lambda: tiff_of(SIZE, WITH_ALPHA.tobytes(), {258: (3, [8] * 4), 262: (3, [2]), 277: (3, [4]), 338: (3, [2])}), HALF_VISIBLE),
    "tiff, colours multiplied by alpha": (
        lambda: tiff_of(SIZE, np.dstack([HALF_VISIBLE, ALPHA]).tobytes(), {258: (3, [8] * 4), 262: (3, [2]), 277: (3, [4]), 338: (3, [1])}),
        HALF_VISIBLE,
    ),
    "tiff, grey multiplied by alpha": (
        lambda: tiff_of(SIZE, np.dstack([HALF_VISIBLE_GREY, ALPHA]).tobytes(), {258: (3, [8] * 2), 277: (3, [2]), 338: (3, [1])}),
        grey_to_rgb(HALF_VISIBLE_GREY),
    ),
    # Palettes
    "tiff, palette of 8-bit entries": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {262: (3, [3]), 320: (3, PALETTE.ravel().tolist())}),
        PALETTE_COLOURS,
    ),
    "tiff, palette of 16-bit entries": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {262: (3, [3]), 320: (3, (PALETTE.ravel() * 257).tolist())}),
        PALETTE_COLOURS,
    ),
    "tiff, 4 bits, palette of 8-bit entries": (
        lambda: tiff_of(
            SIZE, in_bits(NIBBLES, 4).tobytes(),
            {258: (3, [4]), 262: (3, [3]), 320: (3, np.tile(SIXTEEN_GREYS, 3).tolist())},
        ),
        grey_to_rgb((NIBBLES * 17).astype(np.uint8)),
    ),
    "tiff, big-endian palette of 8-bit entries": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {262: (3, [3]), 320: (3, PALETTE.ravel().tolist())}, ">"),
        PALETTE_COLOURS,
    ),
    "tiff, packed, palette of 8-bit entries": (
        lambda: tiff_of(
            SIZE, zlib.compress(GREY.tobytes()), {259: (3, [8]), 262: (3, [3]), 320: (3, PALETTE.ravel().tolist())}
        ),
        PALETTE_COLOURS,
    ),
    # How a TIFF lies in its file
    "tiff, big-endian BigTIFF": (lambda: tiff(GREY_16, photometric="minisblack", byteorder=">", bigtiff=True), grey_to_rgb(GREY)),
    "tiff, big-endian BigTIFF in strips of colour": (
        lambda: tiff(COLOUR, photometric="rgb", byteorder=">", bigtiff=True, rowsperstrip=5, compression="zlib", predictor=True),
        COLOUR,
    ),
    "tiff, BigTIFF in tiles": (lambda: tiff(COLOUR, photometric="rgb", bigtiff=True, tile=(16, 32)), COLOUR),
    "tiff, big-endian in planes": (lambda: in_planes(COLOUR, byteorder=">"), COLOUR),
    "tiff, packed planes": (lambda: in_planes(COLOUR, compression="zlib", rowsperstrip=7), COLOUR),
    "tiff, tiles of planes": (lambda: in_planes(COLOUR, tile=(16, 16)), COLOUR),
    "tiff, predictor of 16 bits": (
        lambda: tiff(GREY_16, photometric="minisblack", compression="zlib", predictor=True, byteorder=">"),
        grey_to_rgb(GREY),
    ),
    "tiff, big-endian 16 bits whose zero is white": (
        lambda: tiff(65535 - GREY_16, photometric="miniswhite", byteorder=">"),
        grey_to_rgb(GREY),
    ),
    "tiff, 12 bits": (
        lambda: tiff_of(SIZE, in_bits(TWELVE, 12).tobytes(), {258: (3, [12])}), grey_to_rgb(GREY),
    ),
    "tiff, big-endian 12 bits whose zero is white": (
        lambda: tiff_of(SIZE, in_bits(4095 - TWELVE, 12).tobytes(), {258: (3, [12]), 262: (3, [0])}, ">"),
        grey_to_rgb(GREY),
    ),
    "tiff, packed 12 bits whose zero is white": (
        lambda: tiff_of(
            SIZE, zlib.compress(in_bits(4095 - TWELVE, 12).tobytes()), {258: (3, [12]), 259: (3, [8]), 262: (3, [0])}
        ),
        grey_to_rgb(GREY),
    ),
    "tiff, 4 bits whose zero is white": (
        lambda: tiff_of(SIZE, in_bits(15 - NIBBLES, 4).tobytes(), {258: (3, [4]), 262: (3, [0])}),
        grey_to_rgb((NIBBLES * 17).astype(np.uint8)),
    ),
    "tiff, lowest bit first": (
        lambda: tiff_of(SIZE, np.packbits(np.unpackbits(GREY), bitorder="little").tobytes(), {266: (3, [2])}),
        grey_to_rgb(GREY),
    ),
    "tiff, turned": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {274: (3, [6])}),
        grey_to_rgb(np.rot90(GREY, -1)),
    ),
    "tiff, turned, EXIF data broken": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {274: (3, [6]), 34665: (4, [OUTSIDE])}),
        grey_to_rgb(np.rot90(GREY, -1)),
    ),
    "tiff, an orientation that doesn't exist": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {274: (3, [77])}),
        grey_to_rgb(GREY),
    ),
    # One picture, though something says or seems to say more
    "tiff, levels below the picture": (lambda: below(GREY, 0, GREY[::2, ::2], 1), grey_to_rgb(GREY)),
    "tiff, levels behind the picture": (
        lambda: pages((GREY, 0), *((GREY[:: 2**n, :: 2**n], 1) for n in range(5)), *((GREY, 1) for _ in range(10))),
        grey_to_rgb(GREY),
    ),
    "tiff, a thumbnail before the picture": (lambda: pages((GREY[::2, ::2], 1), (GREY, 0)), grey_to_rgb(GREY)),
    "tiff, a thumbnail above the picture": (lambda: below(GREY[::2, ::2], 1, GREY, 0), grey_to_rgb(GREY)),
    "tiff, a mask behind the picture": (
        lambda: pages((GREY, 0), (GREY, 1)).replace(struct.pack("<HHII", 254, 4, 1, 1), struct.pack("<HHII", 254, 4, 1, 4)),
        grey_to_rgb(GREY),
    ),
    "tiff, one picture that calls itself reduced": (lambda: pages((GREY, 1)), grey_to_rgb(GREY)),
    "tiff, ImageJ, one slice": (lambda: tiff(GREY, imagej=True), grey_to_rgb(GREY)),
    "tiff, ImageJ, colour": (lambda: tiff(COLOUR, imagej=True), COLOUR),
    "tiff, one slice taken out of an ImageJ stack": (
        lambda: described("ImageJ=1.53t\nimages=5\nslices=5\nloop=false\n"),
        grey_to_rgb(GREY),
    ),
    "tiff, one slice taken out of an ImageJ stack, with a long text": (
        lambda: described("ImageJ=1.53t\nimages=5\n" + "x" * 50_000),
        grey_to_rgb(GREY),
    ),
    "tiff, one packed slice taken out of an ImageJ stack": (
        lambda: tiff_of(SIZE, zlib.compress(GREY.tobytes()), {259: (3, [8]), 270: (2, b"ImageJ=1.53t\nimages=5\n\0")}),
        grey_to_rgb(GREY),
    ),
    "tiff, OME, one plane": (lambda: tiff(GREY, ome=True, photometric="minisblack"), grey_to_rgb(GREY)),
    "tiff, OME, colour": (lambda: tiff(COLOUR, ome=True, photometric="rgb"), COLOUR),
    "tiff, OME, one file of a set": (
        lambda: described('<?xml version="1.0"?><OME><Image><Pixels SizeX="72" SizeY="48" SizeZ="9" SizeC="1" SizeT="1"/></Image></OME>'),
        grey_to_rgb(GREY),
    ),
    "tiff, a description in braces": (lambda: described('{"shape": "round"}'), grey_to_rgb(GREY)),
    "tiff, a description of many large numbers": (
        lambda: described(json.dumps({"shape": [10**9] * 80_000})), grey_to_rgb(GREY),
    ),
    "tiff, a description of many braces": (lambda: described("{" + "[" * 100_000), grey_to_rgb(GREY)),
}  # fmt: skip
