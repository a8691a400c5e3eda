"""Reads WebP files.

Pillow takes memory for the whole picture as soon as it opens such a file, so it is decoded in a process of its own.
"""

from __future__ import annotations

from functools import partial

from imaging import isolated
from imaging.errors import SeveralImages
from imaging.pixels import Ends, Rgb, check_memory, check_size
from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.structure import webp

PIXEL_BYTES = 24
"""Memory of each pixel: Pillow's decoder, made for animations, keeps five copies of a still picture."""


def examine(content: bytes, file_format: Format) -> Examined:
    """Examine a WebP file. Raises SeveralImages, ImageTooLarge, ImageTooSmall, UnsupportedImage or TruncatedImage."""
    width, height = webp.size(content)
    check_size(width, height)
    if webp.frames(content) > 1:
        raise SeveralImages.in_file(file_format.name)
    needed = PIXEL_BYTES * width * height + 2 * len(content)
    check_memory(needed, file_format.name)
    read = partial(_read, content, file_format)
    return Examined(file_format.media_type, width, height, needed + isolated.OWN_BYTES, True, read, content)


def is_complete(content: bytes) -> bool:
    """Whether the file is as long as its header says."""
    return len(content) >= int.from_bytes(content[4:8], "little") + 8


def _read(content: bytes, file_format: Format, ends: Ends | None = None) -> Rgb:
    image = pillow.opened(content, file_format)
    check_size(*image.size)
    if getattr(image, "n_frames", 1) > 1:
        raise SeveralImages.in_file(file_format.name)
    return pillow.read(image, content, file_format, ends)
