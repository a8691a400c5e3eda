"""From an uploaded file to pixels. What can't be shown faithfully is refused, never guessed.

Time and memory are bounded before a pixel is decoded: `examine` reads a file's structure and says what decoding takes.
A file whose structure doesn't tell is decoded in a process of its own, with limits.
"""

from __future__ import annotations

from imaging import formats
from imaging.errors import EmptyImage, ImageError, UnsupportedImage
from imaging.pixels import Picture
from imaging.reading import Examined, refusing_unreadable

__all__ = ["Examined", "decode", "examine"]


def decode(content: bytes, declared_type: str | None = None) -> Picture:
    """Decode the one image in a file.

    The bytes decide the format; `declared_type` only makes it possible to read a DICOM file that its bytes don't
    identify. EXIF orientation is applied, so width and height are those that a viewer shows. 16-bit grey is narrowed
    to 8 bits by `depth.white_of`; of 16-bit colour the upper 8 bits are kept. Colour profiles are ignored.

    Raises EmptyImage, UnsupportedImage (a recognised type that is not read), ImageError (not an image, or damaged),
    TruncatedImage and SeveralImages (pages, frames, stacks). ImageTooLarge, ImageTooSmall and ImageTooComplex come
    before any pixel is decoded. Raises Busy when a process of its own does not finish in time.
    """
    return examine(content, declared_type).decode()


def examine(content: bytes, declared_type: str | None = None) -> Examined:
    """Read a file's structure without decoding it. Raises what `decode` raises before it decodes a pixel."""
    with refusing_unreadable("header"):
        if not content:
            raise EmptyImage(f"The request has no image. Send one of {formats.listed('or')} as the body.")
        file_format = formats.recognised(content, declared_type)
        if file_format is None:
            raise _unknown_format(content)
        return file_format.examine(content)


def _unknown_format(content: bytes) -> ImageError:
    """The error for a file of none of the formats."""
    kind = formats.other_kind(content)
    if kind:
        return UnsupportedImage(
            f"This is {kind} file. {formats.listed()} are read; export the B-scan as one of them."
        )
    return ImageError(f"This is not an image. {formats.listed()} are read.")
