"""Reads TIFF and BigTIFF files."""

from __future__ import annotations

import struct

from PIL import Image, TiffImagePlugin

from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.structure import tiff_picture, tiff_tags


def examine(content: bytes, file_format: Format) -> Examined:
    """Examine a TIFF file. Raises as `tiff_picture.cleaned` and `pillow.examine` do."""
    return pillow.examine(tiff_picture.cleaned(content), file_format, extra_bytes=_extra_bytes)


def is_complete(content: bytes) -> bool:
    """Whether the first directory of tags lies within the file."""
    order = "<" if content.startswith(b"II") else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    offset_at, offset_kind, count_kind, entry_bytes = (8, "Q", "Q", 20) if big else (4, "I", "H", 12)
    try:
        (directory,) = struct.unpack_from(order + offset_kind, content, offset_at)
        (entries,) = struct.unpack_from(order + count_kind, content, directory)
    except (struct.error, OverflowError):
        return False
    return int(directory + struct.calcsize(count_kind) + entry_bytes * entries) <= len(content)


def _extra_bytes(image: Image.Image) -> float:
    """Bytes that libtiff and Pillow keep of each pixel while they decode a picture."""
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    tags = image.tag_v2
    # libtiff decodes a strip or tile as a whole.
    rows = min(tags.get(tiff_tags.ROWS_PER_STRIP, image.height), image.height)
    pixels = tags.get(tiff_tags.TILE_WIDTH, image.width) * tags.get(tiff_tags.TILE_LENGTH, rows)
    bits = max(tags.get(tiff_tags.BITS_PER_SAMPLE, (1,))) * tags.get(tiff_tags.SAMPLES_PER_PIXEL, 1)
    piece = float(pixels * bits / 8 / (image.width * image.height))
    # Pillow turns the picture upright itself, into a copy.
    is_turned = tags.get(tiff_tags.ORIENTATION, 1) != 1
    return max(piece, pillow.kept_bytes(image)) if is_turned else piece
