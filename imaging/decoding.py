"""From an uploaded file to pixels. What can't be shown faithfully is refused and never guessed.

Time and memory are known before a pixel is decoded: `examine` looks at a file's structure and tells what decoding it
will take; what a header can't tell is decoded in a process of its own, with limits.
"""

from __future__ import annotations

from imaging import formats
from imaging.errors import EmptyImage, ImageError, UnsupportedImage
from imaging.pixels import Picture
from imaging.reading import Examined, refusing_what_fails

__all__ = ["Examined", "decode", "examine"]


def decode(content: bytes, declared_type: str | None = None) -> Picture:
    """Decode the one image in a file.

    The bytes decide what it is; `declared_type` only lets a DICOM file without preamble be read. EXIF orientation
    is applied, so width and height are those that a viewer shows. Grey of 16 bits is narrowed by
    `depth.white_of`; of 16-bit colour the upper 8 bits are kept. Colour profiles are ignored.

    Raises EmptyImage, UnsupportedImage (a recognised type that is not read), ImageError (not an image, or damaged),
    TruncatedImage, SeveralImages (pages, frames, stacks), and before any pixel is decoded ImageTooLarge, ImageTooSmall or
    ImageTooComplex; Busy when a file that is decoded in a process of its own was not done in time.
    """
    return examine(content, declared_type).decode()


def examine(content: bytes, declared_type: str | None = None) -> Examined:
    """Look at a file without decoding it. Raises what `decode` raises before it decodes a pixel."""
    with refusing_what_fails("header"):
        if not content:
            raise EmptyImage(f"The request has no image. Send one of {formats.listed('or')} as the body.")
        known = formats.recognised(content, declared_type)
        if known is None:
            raise _not_read(content)
        return known.examine(content)


def _not_read(content: bytes) -> ImageError:
    """Why a file of no known format is refused."""
    kind = formats.other_kind(content)
    if kind:
        return UnsupportedImage(
            f"This is {kind} file. {formats.listed()} are read; export the B-scan as one of them."
        )
    return ImageError(f"This is not an image. {formats.listed()} are read.")
