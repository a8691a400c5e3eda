"""The structure of a JPEG: its segments and scans (ISO/IEC 10918-1, annex B)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imaging.errors import ImageTooComplex, UnsupportedImage
from imaging.structure import mpo

MAX_SCANS = 32
"""Encoders make up to 20. Each covers the whole picture; 32 scans of 40 megapixels take a second."""
MAX_SEGMENTS = 2_000
"""They are walked in Python. Profiles and metadata that fill 32 MiB are 512."""
MAX_STRAY_BYTES = 2**16
"""Bytes between segments, which Pillow skips one by one in Python, and fill bytes (0xFF) anywhere."""
WINDOW = 2**16
"""Bytes that are searched for a marker at once."""
FILLING_SHARE = 4
"""A window with more than one 0xFF in so many bytes holds filling. A picture's own data have one in a hundred."""

FILLING = b"\xff"
END, SCAN, EXIF, COMMENT = 0xD9, 0xDA, 0xE1, 0xFE
JFIF_BYTES, ADOBE_BYTES, MIN_EXIF_BYTES = 14, 12, 14
"""Least or exact length of the segments that matter; libjpeg ignores shorter ones."""
EXIF_NAME = b"Exif\0\0"
WITHOUT_LENGTH = {0x01, 0xC8, *range(0xD0, SCAN), *range(0xF0, 0xFE)}
"""Markers that begin no segment for Pillow, which skips the bytes behind them one by one."""
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15, without the markers of tables that lie between them."""
PROGRESSIVE = {0xC2, 0xC6}
FIRST_ARITHMETIC = 0xC9
COEFFICIENT_BYTES = 2
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""Within a scan, 0xFF is followed by zero or by a restart marker."""


@dataclass(frozen=True)
class Cleaned:
    """A JPEG without the segments that its pixels don't need, and the memory that decoding it takes."""

    content: bytes
    coefficient_bytes: float
    """Bytes that a decoder keeps of each pixel until it has read all scans; 0 for a single scan."""


def cleaned(content: bytes) -> Cleaned:
    """The JPEG reduced to its picture. Profiles, comments and application data are dropped unread.

    Raises ImageTooComplex for too many scans or segments, SeveralImages for several pictures of equal rank,
    UnsupportedImage for arithmetic coding.
    """
    scans = segments = stray = frame = 0
    samples = 0.0
    has_exif = False
    kept: list[bytes] = []
    at = kept_to = 2
    while at < len(content):
        marker = (_AFTER_SCAN if scans else _MARKER).search(content, at, at + WINDOW)
        end = marker.start() if marker else min(at + WINDOW, len(content))
        # Behind the first scan libjpeg skips stray bytes, which is fast, except for filling.
        if not scans or content.count(FILLING, at, end) * FILLING_SHARE > end - at:
            stray += end - at
        _check(scans, segments, stray)
        if not marker:
            at = end if end == len(content) else end - 1
            continue
        kind, at = content[marker.end() - 1], marker.end()
        if kind == END and scans:
            break
        segments += 1
        scans += kind == SCAN
        if kind in FRAMES and not frame:
            frame, samples = kind, _samples(content[at : at + 20])
        if kind not in WITHOUT_LENGTH:
            length = int.from_bytes(content[at : at + 2], "big")
            is_of_use = _is_of_use(kind, content[at + 2 : at + min(length, 16)], has_exif)
            if not scans and not is_of_use:
                kept.append(content[kept_to : marker.start()])
                kept_to = at + length
                mpo.check(content, kind, at + 2, at + length)
            has_exif |= kind == EXIF and is_of_use
            at += length
    _check(scans, segments, stray)
    if frame >= FIRST_ARITHMETIC:
        raise UnsupportedImage("JPEG files with arithmetic coding are not read; save it as a usual one.")
    return Cleaned(
        b"".join((content[:2], *kept, content[kept_to:])) if kept else content,
        COEFFICIENT_BYTES * samples if frame in PROGRESSIVE or scans > 1 else 0.0,
    )


def _is_of_use(kind: int, begin: bytes, has_exif: bool) -> bool:
    """Whether a segment is needed to show the picture, by its first 14 bytes."""
    match kind:
        case 0xE0:
            return begin.startswith(b"JFIF\0") and len(begin) == JFIF_BYTES
        case 0xE1:
            return begin.startswith(EXIF_NAME) and len(begin) == MIN_EXIF_BYTES and not has_exif
        case 0xEE:
            return begin.startswith(b"Adobe") and len(begin) >= ADOBE_BYTES
    return kind != COMMENT and kind not in range(0xE0, 0xF0)


def _check(scans: int, segments: int, stray: int) -> None:
    if scans > MAX_SCANS:
        raise ImageTooComplex(
            f"The JPEG file has more than {MAX_SCANS} scans. Save it again as a baseline JPEG."
        )
    if segments > MAX_SEGMENTS or stray > MAX_STRAY_BYTES:
        raise ImageTooComplex(
            f"The JPEG file has more than {MAX_SEGMENTS:,} segments, or much between them that belongs to none. "
            "Save it again without its metadata."
        )


def _samples(header: bytes) -> float:
    """Samples of all components per pixel, by a frame header that begins with its length."""
    factors = header[9::3][: header[7]] if len(header) > 9 else b""
    sides = [(factor >> 4, factor & 15) for factor in factors]
    most = max((across for across, _ in sides), default=0) * max((down for _, down in sides), default=0)
    return sum(across * down for across, down in sides) / most if most else 0.0
