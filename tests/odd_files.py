"""Builds image files byte by byte: TIFF tags, BMP headers and PNG chunks that no usual encoder writes together."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from tests.bombs import png_chunk

Pixels = npt.NDArray[Any]
NUMPY_OF_TYPE = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8"}
Tags = dict[int, tuple[int, Sequence[int] | bytes]]
"""Of a directory: type and values by the tag's number."""


def tiff(values: Pixels, **options: Any) -> bytes:
    """What tifffile writes."""
    out = io.BytesIO()
    tifffile.imwrite(out, values, **options)
    return out.getvalue()


def tiff_of(
    size: tuple[int, int], data: bytes, tags: Tags, order: str = "<", big: bool = False, behind: bytes = b""
) -> bytes:
    """A TIFF of width × height with one strip, by the numbers of its tags; grey of 8 bits where they don't say otherwise."""
    mark = b"II" if order == "<" else b"MM"
    start = 16 if big else 8
    width, height = size
    place = 16 if big else 4
    all_tags: Tags = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, [8]),
        259: (3, [1]),
        262: (3, [1]),
        273: (place, [start]),
        277: (3, [1]),
        278: (3, [height]),
        279: (place, [len(data)]),
    } | tags
    body = data + behind
    directory_at = start + len(body)
    inline = 8 if big else 4
    entries, values = b"", b""
    values_at = directory_at + (8 if big else 2) + len(all_tags) * (20 if big else 12) + inline
    for tag, (kind, given) in sorted(all_tags.items()):
        raw = given if isinstance(given, bytes) else np.array(given, order + NUMPY_OF_TYPE[kind]).tobytes()
        count = len(given)
        shown = raw.ljust(inline, b"\0")
        if len(raw) > inline:
            shown = struct.pack(order + ("Q" if big else "I"), values_at + len(values))
            values += raw
        entries += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, count) + shown
    head = (
        struct.pack(order + "HHHQ", 43, 8, 0, directory_at)
        if big
        else struct.pack(order + "HI", 42, directory_at)
    )
    counted = struct.pack(order + ("Q" if big else "H"), len(all_tags))
    return mark + head + body + counted + entries + bytes(inline) + values


def bmp_of(
    size: tuple[int, int],
    bits: int,
    rows: bytes,
    palette: bytes = b"",
    compression: int = 0,
    header_bytes: int = 40,
    masks: Sequence[int] = (),
    colours: int = 0,
) -> bytes:
    """A BMP by the fields of its header; `rows` from the lowest one up, each filled to 4 bytes."""
    width, height = size
    if header_bytes == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        header = struct.pack(
            "<IiiHHIIiiII", header_bytes, width, height, 1, bits, compression, len(rows), 0, 0, colours, 0
        )
        header += b"".join(struct.pack("<I", mask) for mask in masks)
        header = header.ljust(header_bytes, b"\0")
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + palette + rows


def bmp_rows(values: Pixels) -> bytes:
    """Rows of bytes as a BMP keeps them: the lowest first, each filled to 4 bytes."""
    packed = values.reshape(len(values), -1).view(np.uint8)
    filled = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 4)))
    return filled[::-1].tobytes()


def png_of(
    values: Pixels, depth: int, colour: int, *before: bytes, behind: Sequence[bytes] = (), width: int = 0
) -> bytes:
    """A PNG of rows of bytes, unfiltered, with chunks before and behind its pixels."""
    packed = values.reshape(len(values), -1)
    rows = packed.astype(packed.dtype.newbyteorder(">")).view(np.uint8).reshape(len(values), -1)
    filtered = np.pad(rows, ((0, 0), (1, 0))).tobytes()
    header = struct.pack(">IIBBBBB", width or values.shape[1], len(values), depth, colour, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *before,
            png_chunk(b"IDAT", zlib.compress(filtered)),
            *behind,
            png_chunk(b"IEND", b""),
        )
    )


def in_bits(values: Pixels, bits: int) -> Pixels:
    """Numbers of so few bits in bytes, the first in the highest ones."""
    spread = (values[..., None] >> np.arange(bits)[::-1]) & 1
    return np.packbits(spread.reshape(len(values), -1).astype(np.uint8), axis=1)


def inserted(jpeg: bytes, *segments: bytes) -> bytes:
    """A JPEG with segments before all others."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def pictures(count: int, pixels: Pixels) -> list[Image.Image]:
    """So many that differ."""
    return [Image.fromarray(np.roll(pixels, 7 * number, axis=1)) for number in range(count)]
