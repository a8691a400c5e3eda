"""Reads PNG files."""

from __future__ import annotations

from PIL import Image

from imaging.errors import TruncatedImage
from imaging.pixels import Ends, Rgb
from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.rgb import upright_rgb
from imaging.structure import png

END_CHUNK = b"IEND\xaeB`\x82"
"""Kind and checksum of the last chunk, which is empty."""


def examine(content: bytes, file_format: Format) -> Examined:
    """Examine a PNG file. Raises SeveralImages for an animation, ImageTooComplex, or as `pillow.examine` does."""
    return pillow.examine(png.cleaned(content), file_format, read=_read)


def is_complete(content: bytes) -> bool:
    """Whether the file's last chunk is there."""
    return png.END in content[-32:]


def _read(image: Image.Image, content: bytes, file_format: Format, ends: Ends | None = None) -> Rgb:
    pillow.load(image, content, file_format)
    # Pillow reads a file without its last chunk, but an upload that broke off there may have lost more than that.
    if END_CHUNK not in content:
        raise TruncatedImage("The PNG file ends too early.")
    return upright_rgb(image, content, ends)
