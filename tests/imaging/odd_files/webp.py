"""Odd WebP files: how each is made, and the picture that it shows."""

from __future__ import annotations

from collections.abc import Callable

from imaging.pixels import Rgb
from tests.images import encoded
from tests.imaging.odd_files.pictures import COLOUR

WEBP: dict[str, tuple[Callable[[], bytes], Rgb]] = {
    # What says nothing about the pixels
    "webp, broken profile": (lambda: encoded(COLOUR, "WEBP", lossless=True, icc_profile=b"broken"), COLOUR),
    "webp, broken EXIF data": (lambda: encoded(COLOUR, "WEBP", lossless=True, exif=b"Exif\0\0broken"), COLOUR),
    "webp, 2 MB of XMP": (lambda: encoded(COLOUR, "WEBP", lossless=True, xmp=b"<x/>" * 2**19), COLOUR),
    "webp, zeros behind it": (lambda: encoded(COLOUR, "WEBP", lossless=True) + bytes(1_000), COLOUR),
}  # fmt: skip
