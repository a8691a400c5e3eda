"""Reads JPEG files."""

from __future__ import annotations

from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.structure import jpeg


def examine(content: bytes, known: Format) -> Examined:
    """Look at a JPEG file. Raises SeveralImages, ImageTooComplex, UnsupportedImage, or as `pillow.examine` does."""
    found = jpeg.cleaned(content)
    return pillow.examine(found.content, known, extra_bytes=lambda image: found.coefficient_bytes)


def is_complete(content: bytes) -> bool:
    """Whether the file closes with the marker of its end; zeros may follow."""
    return content.rstrip(b"\0").endswith(b"\xff\xd9")
