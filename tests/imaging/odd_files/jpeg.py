"""Odd JPEG files, each with the picture that it shows."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from imaging.pixels import Rgb, grey_to_rgb
from tests.bombs import segment
from tests.images import encoded
from tests.imaging.odd_files.pictures import COLOUR, GREY, JPEG
from tests.odd_files import inserted


def orientation(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


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
