"""Files that are odd but legal come out as other programs show them, or are refused by name; none shows a part."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import tifffile
from PIL import Image

from imaging.decoding import decode
from imaging.errors import ImageError, SeveralImages, TruncatedImage, UnsupportedImage
from imaging.pixels import Rgb, grey_to_rgb
from tests.bombs import packed_zeros, png_chunk, segment
from tests.images import bscan, encoded
from tests.odd_files import bmp_of, bmp_rows, in_bits, inserted, pictures, png_of, tiff, tiff_of

GREY = bscan(72, 48, seed=1)
SIZE = (72, 48)
COLOUR = np.dstack([GREY, GREY // 2, 255 - GREY])
GREY_16 = GREY.astype(np.uint16) * 257
COLOUR_16 = COLOUR.astype(np.uint16) * 257
ALPHA = np.where(np.arange(72) < 36, 255, 0).astype(np.uint8)[None].repeat(48, 0)
FOUR = np.dstack([COLOUR, ALPHA])
NO_ALPHA = np.dstack([COLOUR, ALPHA * 0])
HALF = np.where(ALPHA[..., None] == 255, COLOUR, 0).astype(np.uint8)
HALF_GREY = np.where(ALPHA == 255, GREY, 0).astype(np.uint8)
NIBBLES = GREY >> 4
TWO_GREYS = ((GREY >> 7) * 255).astype(np.uint8)
TWELVE = (GREY.astype(np.uint32) * 4095 + 127) // 255
PALETTE = np.stack([np.arange(256), 255 - np.arange(256), np.arange(256) // 2])
BY_PALETTE = PALETTE.T[GREY].astype(np.uint8)
BY_16 = np.arange(16) * 17
BGR = COLOUR[..., ::-1].copy()
BGRA = np.dstack([BGR, ALPHA])
MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
GREY_PALETTE = bytes(np.repeat(np.arange(256, dtype=np.uint8), 4))
COLOUR_PALETTE = bytes(np.stack([*PALETTE[::-1], PALETTE[0] * 0], 1).astype(np.uint8))
JPEG = encoded(GREY, "JPEG", quality=95)
COLOUR_JPEG = encoded(COLOUR, "JPEG", quality=95, subsampling=0)
TWO_MEGABYTES = bytes(range(256)) * 2**13
OUTSIDE = 2**31


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


def stack(count: int = 5) -> np.ndarray:
    return np.stack([np.roll(GREY, 9 * number, 1) for number in range(count)])


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


def orientation(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def run_lengths(values: np.ndarray) -> bytes:
    """Rows as RLE8 of a BMP: runs of one each, every row with its end."""
    return (
        b"".join(b"".join(bytes([1, value]) for value in row) + b"\0\0" for row in values[::-1].tolist())
        + b"\0\1"
    )


READ: dict[str, tuple[Callable[[], bytes], Rgb]] = {
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
    "bmp, zeros behind it": (lambda: encoded(COLOUR, "BMP") + bytes(5_000), COLOUR),
    "webp, broken profile": (lambda: encoded(COLOUR, "WEBP", lossless=True, icc_profile=b"broken"), COLOUR),
    "webp, broken EXIF data": (lambda: encoded(COLOUR, "WEBP", lossless=True, exif=b"Exif\0\0broken"), COLOUR),
    "webp, 2 MB of XMP": (lambda: encoded(COLOUR, "WEBP", lossless=True, xmp=b"<x/>" * 2**19), COLOUR),
    "webp, zeros behind it": (lambda: encoded(COLOUR, "WEBP", lossless=True) + bytes(1_000), COLOUR),
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
        HALF,
    ),
    "bmp, 32 bits without alpha": (lambda: bmp_of(SIZE, 32, bmp_rows(np.dstack([BGR, ALPHA]))), COLOUR),
    "bmp, 32 bits, masks behind the header": (
        lambda: bmp_of(SIZE, 32, bmp_rows(BGRA), struct.pack("<III", *MASKS[:3]), compression=3),
        COLOUR,
    ),
    "png, 16 bits with alpha": (
        lambda: png_of(np.dstack([COLOUR_16, ALPHA.astype(np.uint16) * 257]), 16, 6),
        HALF,
    ),
    "png, 16-bit grey with alpha": (
        lambda: png_of(np.dstack([GREY_16, ALPHA.astype(np.uint16) * 257]), 16, 4),
        grey_to_rgb(HALF_GREY),
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
            png_chunk(b"PLTE", bytes(np.repeat(BY_16, 3).astype(np.uint8))),
            png_chunk(b"tRNS", b"\xff" * 5 + b"\0"),
        ),
        grey_to_rgb(np.where(NIBBLES == 5, 0, NIBBLES * 17).astype(np.uint8)),
    ),
    "tiff, a fourth sample of no stated meaning": (lambda: tiff_of(SIZE, NO_ALPHA.tobytes(), {258: (3, [8] * 4), 262: (3, [2]), 277: (3, [4]), 338: (3, [0])}), COLOUR),
    "tiff, a fourth sample that nothing is said of": (
        lambda: tiff_of(SIZE, NO_ALPHA.tobytes(), {258: (3, [8] * 4), 262: (3, [2]), 277: (3, [4])}),
        COLOUR,
    ),
    "tiff, alpha": (lambda: tiff_of(SIZE, FOUR.tobytes(), {258: (3, [8] * 4), 262: (3, [2]), 277: (3, [4]), 338: (3, [2])}), HALF),
    "tiff, colours multiplied by alpha": (
        lambda: tiff_of(SIZE, np.dstack([HALF, ALPHA]).tobytes(), {258: (3, [8] * 4), 262: (3, [2]), 277: (3, [4]), 338: (3, [1])}),
        HALF,
    ),
    "tiff, grey multiplied by alpha": (
        lambda: tiff_of(SIZE, np.dstack([HALF_GREY, ALPHA]).tobytes(), {258: (3, [8] * 2), 277: (3, [2]), 338: (3, [1])}),
        grey_to_rgb(HALF_GREY),
    ),
    # Palettes
    "tiff, palette of 8-bit entries": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {262: (3, [3]), 320: (3, PALETTE.ravel().tolist())}),
        BY_PALETTE,
    ),
    "tiff, palette of 16-bit entries": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {262: (3, [3]), 320: (3, (PALETTE.ravel() * 257).tolist())}),
        BY_PALETTE,
    ),
    "tiff, 4 bits, palette of 8-bit entries": (
        lambda: tiff_of(
            SIZE, in_bits(NIBBLES, 4).tobytes(),
            {258: (3, [4]), 262: (3, [3]), 320: (3, np.tile(BY_16, 3).tolist())},
        ),
        grey_to_rgb((NIBBLES * 17).astype(np.uint8)),
    ),
    "tiff, big-endian palette of 8-bit entries": (
        lambda: tiff_of(SIZE, GREY.tobytes(), {262: (3, [3]), 320: (3, PALETTE.ravel().tolist())}, ">"),
        BY_PALETTE,
    ),
    "tiff, packed, palette of 8-bit entries": (
        lambda: tiff_of(
            SIZE, zlib.compress(GREY.tobytes()), {259: (3, [8]), 262: (3, [3]), 320: (3, PALETTE.ravel().tolist())}
        ),
        BY_PALETTE,
    ),
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
        lambda: bmp_of(SIZE, 4, bmp_rows(in_bits(NIBBLES, 4)), bytes(np.repeat(BY_16, 4).astype(np.uint8))),
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
        BY_PALETTE,
    ),
    "bmp, OS/2 2": (lambda: bmp_of(SIZE, 8, bmp_rows(GREY), COLOUR_PALETTE, header_bytes=64), BY_PALETTE),
    "bmp, run lengths": (
        lambda: bmp_of(SIZE, 8, run_lengths(GREY), COLOUR_PALETTE, compression=1),
        BY_PALETTE,
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


@pytest.mark.parametrize("kind", READ)
def test_odd_files_come_out_as_they_should(kind: str) -> None:
    made, expected = READ[kind]
    pixels = decode(made()).pixels
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= (1 if kind == "bmp, 16 bits" else 0)


def jpeg_pair(kind: int, other: bytes, is_first_too: bool = False) -> bytes:
    """A JPEG that lists another behind itself, of that kind in the terms of the Multi-Picture Format."""
    size = 4 + 4 + 8 + 2 + 2 * 12 + 4 + 32
    first = len(JPEG) + size
    entries = struct.pack("<IIIHH", kind if is_first_too else 0x030000, first, 0, 0, 0)
    entries += struct.pack("<IIIHH", kind, len(other), first - 10, 0, 0)
    index = b"II*\0\x08\0\0\0" + struct.pack("<H", 2)
    index += struct.pack("<HHII", 0xB001, 4, 1, 2) + struct.pack("<HHII", 0xB002, 7, 32, 8 + 2 + 24 + 4)
    return inserted(JPEG, segment(0xE2, b"MPF\0" + index + bytes(4) + entries)) + other


GAIN_MAP = inserted(JPEG, segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version="1.0"/>'))
SMALL = encoded(GREY[::2, ::2], "JPEG")
LOSSY: dict[str, tuple[bytes, Rgb]] = {
    "an empty profile": (inserted(JPEG, segment(0xE2, b"ICC_PROFILE\0")), grey_to_rgb(GREY)),
    "a profile of a megabyte": (
        inserted(JPEG, *(segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 20]) + bytes(60_000)) for n in range(1, 21))),
        grey_to_rgb(GREY),
    ),
    "a megabyte of EXIF data": (inserted(JPEG, *[segment(0xE1, b"Exif\0\0" + bytes(60_000))] * 20), grey_to_rgb(GREY)),
    "a megabyte of XMP": (
        inserted(JPEG, *[segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60_000))] * 20),
        grey_to_rgb(GREY),
    ),
    "segments that are cut short": (
        inserted(
            JPEG,
            *(
                segment(marker, name)
                for marker, name in (
                    (0xE0, b"JFIF"), (0xE1, b"Exif\0\0"), (0xE2, b"MPF\0"), (0xED, b"Photoshop 3.0\0008BIM"), (0xEE, b"Adobe"),
                )
            ),
        ),
        grey_to_rgb(GREY),
    ),
    "other data behind it": (JPEG + bytes(100) + b"PK\3\4" + bytes(10_000), grey_to_rgb(GREY)),
    "a preview behind it": (jpeg_pair(0x010001, JPEG), grey_to_rgb(GREY)),
    "a small map behind it": (jpeg_pair(0, SMALL), grey_to_rgb(GREY)),
    "a map of its brightness behind it": (jpeg_pair(0, GAIN_MAP), grey_to_rgb(GREY)),
    "a list of pictures that aren't there": (jpeg_pair(0, b""), grey_to_rgb(GREY)),
    "red, green and blue without a conversion": (
        encoded(COLOUR, "JPEG", quality=95, subsampling=0, keep_rgb=True), COLOUR,
    ),
    "CMYK as Adobe writes it": (encoded(Image.fromarray(COLOUR).convert("CMYK"), "JPEG", quality=95), COLOUR),
    "half the colours' resolution": (encoded(grey_to_rgb(GREY), "JPEG", quality=95, subsampling=1), grey_to_rgb(GREY)),
    "restart markers": (encoded(GREY, "JPEG", quality=95, restart_marker_rows=1), grey_to_rgb(GREY)),
    "a side, behind data that are cut short": (
        inserted(encoded(GREY, "JPEG", quality=95, exif=orientation(8)), segment(0xE1, b"Exif\0\0")),
        grey_to_rgb(np.rot90(GREY)),
    ),
    "a side": (encoded(GREY, "JPEG", quality=95, exif=orientation(8)), grey_to_rgb(np.rot90(GREY))),
    "tiff, colour in a JPEG": (encoded(COLOUR, "TIFF", compression="jpeg", quality=95), COLOUR),
}  # fmt: skip


@pytest.mark.parametrize("kind", LOSSY)
def test_odd_jpeg_files_come_out_as_they_should(kind: str) -> None:
    content, expected = LOSSY[kind]
    pixels = decode(content).pixels
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() < 4


FRAME = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, *SIZE, 0, 0, 1, 1, 0, 0))
SEVERAL: dict[str, Callable[[], bytes]] = {
    "ImageJ's stack in one directory": lambda: described("ImageJ=1.53t\nimages=5\nslices=5\nloop=false\n", stack(4).tobytes()),
    "ImageJ's stack by its slices": lambda: described("ImageJ=1.53t\nslices=3\n", stack(2).tobytes()),
    "ImageJ's stack by its frames": lambda: described("ImageJ=1.53t\nframes=2\n", stack(1).tobytes()),
    "ImageJ's stack of a later version": lambda: tiff(stack(), imagej=True),
    "ImageJ's hyperstack": lambda: tiff(np.stack([stack(3)] * 2).reshape(1, 3, 2, 48, 72), imagej=True),
    "an OME volume": lambda: tiff(stack(), ome=True, photometric="minisblack"),
    "an OME volume in one directory": lambda: described(
        '<?xml version="1.0"?><OME><Image><Pixels SizeX="72" SizeY="48" SizeZ="5" SizeC="1" SizeT="1"/></Image></OME>',
        stack(4).tobytes(),
    ),
    "tifffile's volume in one directory": lambda: described(json.dumps({"shape": [5, 48, 72]}), stack(4).tobytes()),
    "tifffile's volume": lambda: tiff(stack(), photometric="minisblack"),
    "a BigTIFF volume": lambda: tiff(stack(), photometric="minisblack", bigtiff=True, byteorder=">"),
    "a volume by its depth": lambda: tiff(np.stack([stack(16)]), photometric="minisblack", volumetric=True, tile=(16, 16, 16)),
    "a MetaMorph stack": lambda: tiff_of(SIZE, GREY.tobytes(), {33629: (4, range(30))}, behind=stack(4).tobytes()),
    "channels in planes": lambda: tiff(stack(), photometric="minisblack", planarconfig="separate"),
    "channels beside each other": lambda: tiff(np.moveaxis(stack(3), 0, 2).copy(), photometric="minisblack", planarconfig="contig"),
    "two pages": lambda: pages((GREY, 0), (255 - GREY, 0)),
    "two pages that call themselves pages": lambda: pages((GREY, 2), (255 - GREY, 2)),
    "a second page behind twenty thumbnails": lambda: pages((GREY, 0), *[(GREY[::2, ::2], 1)] * 20, (255 - GREY, 0)),
    "another picture below the first": lambda: below(GREY, 0, 255 - GREY, 0),
    "an animation": lambda: encoded(pictures(3, GREY)[0], save_all=True, append_images=pictures(3, GREY)[1:]),
    "an animation whose first picture lies apart": lambda: png_of(
        GREY, 8, 0, png_chunk(b"acTL", struct.pack(">II", 1, 0)), behind=[FRAME, png_chunk(b"fdAT", b"\0\0\0\1" + zlib.compress(b""))]
    ),
    "an animation that says it is none": lambda: encoded(
        pictures(2, GREY)[0], save_all=True, append_images=pictures(2, GREY)[1:]
    ).replace(png_chunk(b"acTL", struct.pack(">II", 2, 0)), png_chunk(b"acTL", struct.pack(">II", 1, 0))),
    "a WebP animation": lambda: encoded(pictures(3, GREY)[0], "WEBP", save_all=True, append_images=pictures(3, GREY)[1:]),
    "stereo in a JPEG": lambda: jpeg_pair(0x020002, JPEG, is_first_too=True),
    "a panorama in a JPEG": lambda: jpeg_pair(0x020001, SMALL),
    "two JPEG pictures": lambda: encoded(pictures(2, GREY)[0], "MPO", save_all=True, append_images=pictures(2, GREY)[1:]),
}  # fmt: skip


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
