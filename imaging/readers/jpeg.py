"""Reads JPEG files."""

from __future__ import annotations

from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.structure import jpeg


def examine(content: bytes, file_format: Format) -> Examined:
    """Examine a JPEG file. Raises SeveralImages, ImageTooComplex, UnsupportedImage, or as `pillow.examine` does."""
    cleaned = jpeg.cleaned(content)
    return pillow.examine(cleaned.content, file_format, extra_bytes=lambda image: cleaned.coefficient_bytes)


def is_complete(content: bytes) -> bool:
    """Whether the file ends with the end-of-image marker; zeros may follow."""
    return content.rstrip(b"\0").endswith(b"\xff\xd9")
