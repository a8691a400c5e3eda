"""Recognises a file by its first bytes, because declared types and file names are often wrong."""

from __future__ import annotations

import struct

DICOM = "application/dicom"
READABLE = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
    "image/webp": "WEBP",
}
"""Media types that Pillow reads for us, with Pillow's names."""

_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0", "image/tiff"),
    (0, b"MM\0+", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (128, b"DICM", DICOM),
)
_OTHERS = (
    (0, b"GIF8", "a GIF"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (4, b"ftyp", "a HEIC, AVIF or video"),
    (0, b"%PDF", "a PDF"),
    (0, b"8BPS", "a Photoshop"),
    (0, b"<svg", "an SVG"),
    (0, b"<?xml", "an XML"),
    (0, b"PK\x03\x04", "a ZIP"),
    (0, b"\x1f\x8b", "a gzip"),
    (0, b"\0\0\x01\0", "an icon"),
    (0, b"HSF-OCT-", "a Heidelberg volume"),
    (0, b"CMDb", "a Heidelberg E2E"),
    (0, b"FOCT", "a Topcon volume"),
)
_DICOM_MAGIC = b"DICM"
_DICOM_TEXTS = (b"UL", b"CS", b"UI", b"OB", b"DA", b"TM", b"DT", b"SH", b"LO", b"ST")
"""Kinds of values that a DICOM file without preamble may begin with, where it names them (PS3.5, 7.1)."""
_LONGEST_FIRST = 1024
"""Bytes of such a value where it does not."""
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)


def media_type(content: bytes) -> str | None:
    """The media type of a file that can be read, or None."""
    for offset, signature, found in _SIGNATURES:
        if content.startswith(signature, offset):
            return found
    # Two letters alone would take any text that begins with them for a bitmap.
    if content.startswith(b"BM") and len(content) >= 18:
        return "image/bmp" if struct.unpack_from("<I", content, 14)[0] in _BMP_HEADER_SIZES else None
    return DICOM if _begins_with_element(content.removeprefix(_DICOM_MAGIC)) else None


def _begins_with_element(content: bytes) -> bool:
    """Whether some bytes begin as a DICOM file does without its preamble: with an element of its first groups."""
    if len(content) < 8:
        return False
    for order in "<>":
        group, _, length = struct.unpack_from(f"{order}HHI", content)
        if group in (0x0002, 0x0008) and (content[4:6] in _DICOM_TEXTS or 0 < length <= _LONGEST_FIRST):
            return True
    return False


def other_kind(content: bytes) -> str | None:
    """What a file is that is recognised but not read, with its article ("a GIF"), or None."""
    for offset, signature, kind in _OTHERS:
        if content.startswith(signature, offset):
            return kind
    return None


def looks_complete(content: bytes, found: str) -> bool:
    """Whether a file's own structure reaches its end, to tell a truncated file from a damaged or unusual one."""
    try:
        match found:
            case "image/png":
                return b"IEND" in content[-32:]
            case "image/jpeg":
                return content.rstrip(b"\0").endswith(b"\xff\xd9")
            case "image/webp":
                return len(content) >= int(struct.unpack_from("<I", content, 4)[0]) + 8
            case "image/bmp":
                return len(content) >= int(struct.unpack_from("<I", content, 2)[0])
            case "image/tiff":
                return _tiff_directory_end(content) <= len(content)
    except (struct.error, OverflowError):
        return False
    return True


def _tiff_directory_end(content: bytes) -> int:
    """Where the first directory of a TIFF or BigTIFF ends; raises struct.error beyond the end of the file."""
    order = "<" if content.startswith(b"II") else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    offset_at, offset_kind, count_kind, entry_bytes = (8, "Q", "Q", 20) if big else (4, "I", "H", 12)
    (directory,) = struct.unpack_from(order + offset_kind, content, offset_at)
    (entries,) = struct.unpack_from(order + count_kind, content, directory)
    return int(directory + struct.calcsize(count_kind) + entry_bytes * entries)
