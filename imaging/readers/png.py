"""Reads PNG files."""

from __future__ import annotations

from PIL import Image

from imaging.errors import TruncatedImage
from imaging.pixels import Ends, Rgb
from imaging.readers import pillow
from imaging.reading import Examined, Format
from imaging.rgb import upright_rgb
from imaging.structure import png

END = b"IEND\xaeB`\x82"


def examine(content: bytes, known: Format) -> Examined:
    """Look at a PNG file. Raises SeveralImages for an animation, ImageTooComplex, or as `pillow.examine` does."""
    return pillow.examine(png.cleaned(content), known, read=_read)


def is_complete(content: bytes) -> bool:
    """Whether the file's last chunk is there."""
    return png.END in content[-32:]


def _read(image: Image.Image, content: bytes, known: Format, ends: Ends | None = None) -> Rgb:
    pillow.load(image, content, known)
    # Pillow is content without the end; an upload that broke off there may have lost more.
    if END not in content:
        raise TruncatedImage("The PNG file ends too early.")
    return upright_rgb(image, content, ends)
