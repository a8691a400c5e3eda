"""Reads WebP files.

Their decoder takes memory for the whole picture when a file is opened, so they are decoded in a process of their own.
"""

from __future__ import annotations

from functools import partial

from imaging import apart
from imaging.errors import SeveralImages
from imaging.pixels import Ends, Rgb, check_memory, check_size
from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.structure import webp

BYTES = 24
"""A pixel: Pillow's decoder of animations keeps five pictures of a still one."""


def examine(content: bytes, known: Format) -> Examined:
    """Look at a WebP file. Raises SeveralImages, ImageTooLarge, ImageTooSmall, UnsupportedImage or TruncatedImage."""
    width, height = webp.size(content)
    check_size(width, height)
    if webp.frames(content) > 1:
        raise SeveralImages.in_file(known.name)
    needed = BYTES * width * height + 2 * len(content)
    check_memory(needed, known.name)
    read = partial(_read, content, known)
    return Examined(known.media_type, width, height, needed + apart.OWN_BYTES, True, read, content)


def is_complete(content: bytes) -> bool:
    """Whether the file is as long as it says."""
    return len(content) >= int.from_bytes(content[4:8], "little") + 8


def _read(content: bytes, known: Format, ends: Ends | None = None) -> Rgb:
    image = pillow.opened(content, known)
    check_size(*image.size)
    if getattr(image, "n_frames", 1) > 1:
        raise SeveralImages.in_file(known.name)
    return pillow.read(image, content, known, ends)
