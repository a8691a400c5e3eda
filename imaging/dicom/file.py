"""A DICOM file as pydicom knows it, opened with an end to the work."""

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

# What pydicom warns about quotes the values, and those may be a patient's.
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
"""Transfer syntaxes of pixels that are not compressed: by whether the kind of each value is left out, and the low
byte comes first."""


class _Counted(io.BytesIO):
    """A file that may be read from so many times: pydicom does so for each element and item, however deep."""

    reads_left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads_left -= 1
        if self.reads_left < 0:
            raise ImageTooComplex(
                "The DICOM file has too many elements or nested items. Export the B-scan alone, without its volume."
            )
        return super().read(size)


def header(content: bytes) -> Any:
    """The file as pydicom knows it, its pixels not yet looked at; with or without its preamble.

    Raises UnsupportedImage for a deflated file, ImageTooComplex for one of too many elements, ImageError.
    """
    # The whole of a deflated file would be inflated before its size is known.
    if DeflatedExplicitVRLittleEndian.encode() in content[:FILE_META_BYTES]:
        raise UnsupportedImage("Deflated DICOM files are not read; store it uncompressed.")
    try:
        return pydicom.dcmread(_Counted(content.removeprefix(MAGIC)), force=True)
    except ImageError:
        raise
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error


def transfer_syntax(data: Any, keyword: str) -> UID:
    """How the pixels of that element are stored, by the file's meta information or else by its other elements.

    Raises UnsupportedImage for compressed pixels of a file that does not say how, ImageError for a contradiction.
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
    """The pixels as they lie in the file; nothing where they are kept as something else."""
    value = data.get_item(keyword, keep_deferred=True).value
    return value if isinstance(value, bytes) else b""
