"""Opens a DICOM file with pydicom, with a limit on the work."""

from __future__ import annotations

import io
import struct
import zlib
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
from imaging.errors import ImageError, ImageTooComplex, ImageTooLarge, TruncatedImage, UnsupportedImage

# pydicom's warnings quote values, which may be patient data.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

FILE_META_BYTES = 4096
"""The file meta information, which names the transfer syntax, lies within these first bytes."""
MAX_READS = 20_000
"""pydicom reads one to three times for each element and item; a B-scan's file has some hundred of them."""
MAX_READS_OF_VOLUME = 320_000
"""The same for a file of several frames: some 300 for the groups of each, where their lengths are not told."""
MAX_INFLATED_BYTES = 2**28
MAX_RATIO = 16
"""How many times a deflated file its content may be: speckle deflates to half, black to a thousandth."""
MAGIC = b"DICM"
PREAMBLE_BYTES = 128
UNDEFINED_LENGTH = 0xFFFFFFFF
NATIVE = {
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}
"""Transfer syntaxes of uncompressed pixels: by whether value representations are implicit, and whether the byte order
is little endian."""


class LimitedReads(io.BytesIO):
    """A file with a limit on the number of reads: pydicom makes some for each element and item, however deep."""

    def __init__(self, content: bytes, reads: int = MAX_READS) -> None:
        super().__init__(content)
        self.reads_left = reads

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
        return pydicom.dcmread(LimitedReads(content.removeprefix(MAGIC)), force=True)
    except ImageError:
        raise
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error


def inflated(content: bytes, first_bytes: int | None = None) -> bytes:
    """A deflated file as one that is not, or no more than so many first bytes of it; any other as it is.

    Raises ImageTooLarge for more than `MAX_INFLATED_BYTES`, or `MAX_RATIO` times the file's bytes; TruncatedImage, ImageError.
    """
    content = content.removeprefix(MAGIC)
    begins = PREAMBLE_BYTES + len(MAGIC) if content.startswith(MAGIC, PREAMBLE_BYTES) else 0
    deflated = DeflatedExplicitVRLittleEndian.encode()
    if deflated not in content[:FILE_META_BYTES]:
        return content
    at = begins
    while content.startswith(b"\x02\0", at) and at < FILE_META_BYTES:
        is_long = content[at + 4 : at + 6] in (b"OB", b"UN", b"OW", b"UT", b"SQ")
        length_at, kind, value_at = (at + 8, "<I", at + 12) if is_long else (at + 6, "<H", at + 8)
        if value_at > len(content):
            raise TruncatedImage("The DICOM file ends too early.")
        at = value_at + struct.unpack_from(kind, content, length_at)[0]
    meta = content[begins:at].replace(deflated, ExplicitVRLittleEndian.encode().ljust(len(deflated), b"\0"))
    most = min(MAX_INFLATED_BYTES, MAX_RATIO * len(content) + FILE_META_BYTES)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        made = inflater.decompress(content[at:], (first_bytes or most) + 1)
    except zlib.error as error:
        raise ImageError("The DICOM file is damaged.") from error
    if first_bytes is not None:
        return content[:begins] + meta + made
    if len(made) > most:
        raise ImageTooLarge("The deflated DICOM file is too large once inflated. Store it uncompressed.")
    if not inflater.eof:
        raise TruncatedImage("The DICOM file ends too early.")
    return content[:begins] + meta + made


def beginning(content: bytes) -> tuple[Any, int]:
    """The elements before a file's pixels, as pydicom knows them, and where its pixels' element begins.

    Raises ImageTooComplex for a file of too many elements, TruncatedImage for one without pixels, ImageError.
    """
    source = LimitedReads(content, MAX_READS_OF_VOLUME)
    try:
        data = pydicom.dcmread(source, force=True, stop_before_pixels=True)
    except ImageError:
        raise
    except Exception as error:  # pydicom raises all kinds on damaged data.
        raise ImageError("The DICOM file is damaged.") from error
    return data, source.tell()


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
