"""The structure of a JPEG: its segments and scans (ISO/IEC 10918-1, annex B)."""

from __future__ import annotations

import re

from handlers.errors import ImageTooComplex, UnsupportedImage

MOST_SCANS = 32
"""Encoders make up to 20. Each goes over the whole picture: 32 of them over 40 megapixels take a second."""
MOST_SEGMENTS = 2_000
"""Pillow steps through them in Python; profiles and metadata that fill 32 MiB are 512."""
MOST_EXIF_SEGMENTS = 16
"""Pillow joins them one by one, which takes the square of their number."""
MOST_STRAY_BYTES = 2**16
"""Between segments, where Pillow skips them one by one in Python, and as filling anywhere."""
WINDOW = 2**16
"""Bytes that are searched for a marker at once."""
FILLING_SHARE = 4
"""A window with one 0xFF in so many bytes or fewer holds filling; of a picture's own bytes it is one in a hundred."""

END, SCAN, EXIF = 0xD9, 0xDA, 0xE1
FILLING = b"\xff"
EXIF_NAME = b"Exif\0\0"
WITHOUT_LENGTH = {0x01, 0xC8, *range(0xD0, SCAN), *range(0xF0, 0xFE)}
"""Markers that Pillow doesn't take for the beginning of a segment; what follows them is skipped byte by byte."""
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15; among them lie the markers of tables."""
PROGRESSIVE = {0xC2, 0xC6}
FIRST_ARITHMETIC = 0xC9
COEFFICIENT_BYTES = 2
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""Within a scan 0xFF is followed by zero, or by a restart's marker."""


def coefficient_bytes(content: bytes) -> float:
    """Bytes a pixel that a decoder keeps until it has read all scans of a JPEG file; none where there is one alone.

    Raises ImageTooComplex for too many scans or segments, UnsupportedImage for arithmetic coding.
    """
    scans = segments = exif = stray = frame = 0
    samples = 0.0
    at = 2
    while at < len(content):
        marker = (_AFTER_SCAN if scans else _MARKER).search(content, at, at + WINDOW)
        end = marker.start() if marker else min(at + WINDOW, len(content))
        # Behind the first scan it is libjpeg that skips, at its own speed; filling it, too, goes through one by one.
        if not scans or content.count(FILLING, at, end) * FILLING_SHARE > end - at:
            stray += end - at
        _check(scans, segments, exif, stray)
        if not marker:
            at = end if end == len(content) else end - 1
            continue
        kind, at = content[marker.end() - 1], marker.end()
        if kind == END and scans:
            break
        segments += 1
        scans += kind == SCAN
        exif += kind == EXIF and content.startswith(EXIF_NAME, at + 2)
        if kind in FRAMES and not frame:
            frame, samples = kind, _samples(content[at : at + 20])
        if kind not in WITHOUT_LENGTH:
            at += int.from_bytes(content[at : at + 2], "big")
    _check(scans, segments, exif, stray)
    if frame >= FIRST_ARITHMETIC:
        raise UnsupportedImage("JPEG files with arithmetic coding are not read; save it as a usual one.")
    return COEFFICIENT_BYTES * samples if frame in PROGRESSIVE or scans > 1 else 0.0


def _check(scans: int, segments: int, exif: int, stray: int) -> None:
    if scans > MOST_SCANS:
        raise ImageTooComplex(
            f"The JPEG file has more than {MOST_SCANS} scans. Save it anew, as a baseline JPEG."
        )
    if segments > MOST_SEGMENTS or exif > MOST_EXIF_SEGMENTS or stray > MOST_STRAY_BYTES:
        raise ImageTooComplex(
            f"The JPEG file has more than {MOST_SEGMENTS:,} segments, or much between them that belongs to none. "
            "Save it anew, without its metadata."
        )


def _samples(header: bytes) -> float:
    """Samples of all components a pixel, by a frame's header from its length on."""
    factors = header[9::3][: header[7]] if len(header) > 9 else b""
    sides = [(factor >> 4, factor & 15) for factor in factors]
    most = max((across for across, _ in sides), default=0) * max((down for _, down in sides), default=0)
    return sum(across * down for across, down in sides) / most if most else 0.0
