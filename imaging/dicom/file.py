"""Opens a DICOM file with pydicom, with a limit on the work."""

from __future__ import annotations

import io
from typing import Any

import pydicom
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from imaging.dicom.elements import text
from imaging.errors import ImageError, ImageTooComplex, UnsupportedImage

# pydicom's warnings quote values, which may be patient data.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

FILE_META_BYTES = 4096
"""The file meta information, which names the transfer syntax, lies within these first bytes."""
MAX_READS = 20_000
"""pydicom reads one to three times for each element and item; a B-scan's file has some hundred of them."""
MAGIC = b"DICM"
UNDEFINED_LENGTH = 0xFFFFFFFF
NATIVE = {
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}
"""Transfer syntaxes of uncompressed pixels: by whether value representations are implicit, and whether the byte order
is little endian."""


class _LimitedReads(io.BytesIO):
    """A file with a limit on the number of reads: pydicom makes some for each element and item, however deep."""

    reads_left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads_left -= 1
        if self.reads_left < 0:
            raise ImageTooComplex(
                "The DICOM file has too many elements or nested items. Export the B-scan alone, without its volume."
            )
        return super().read(size)


def header(content: bytes) -> Any:
    """The pydicom data set of a file with or without preamble; its pixels are not decoded.

    Raises UnsupportedImage for a deflated file, ImageTooComplex for too many elements, ImageError for a damaged file.
    """
    # The whole of a deflated file would be inflated before its size is known.
    if DeflatedExplicitVRLittleEndian.encode() in content[:FILE_META_BYTES]:
        raise UnsupportedImage("Deflated DICOM files are not read; store it uncompressed.")
    try:
        return pydicom.dcmread(_LimitedReads(content.removeprefix(MAGIC)), force=True)
    except ImageError:
        raise
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error


def transfer_syntax(data: Any, keyword: str) -> UID:
    """How the pixels of that element are stored, by the file's meta information or else by its other elements.

    Raises UnsupportedImage for compressed pixels in a file without a transfer syntax, ImageError for a contradiction.
    """
    named = text(getattr(data, "file_meta", {}), "TransferSyntaxUID")
    in_pieces = getattr(data.get_item(keyword, keep_deferred=True), "length", 0) == UNDEFINED_LENGTH
    syntax = UID(named) if named else NATIVE.get(data.original_encoding, ExplicitVRLittleEndian)
    if in_pieces and not named:
        raise UnsupportedImage(
            "The DICOM file does not say how its pixels are compressed (Transfer Syntax UID); store it uncompressed."
        )
    if in_pieces and syntax in NATIVE.values():
        raise ImageError(f"The DICOM file's pixels are compressed, but its transfer syntax is {syntax.name}.")
    return syntax


def pixel_bytes(data: Any, keyword: str) -> bytes:
    """The pixels as they are stored in the file; empty if the element is of another kind."""
    value = data.get_item(keyword, keep_deferred=True).value
    return value if isinstance(value, bytes) else b""
