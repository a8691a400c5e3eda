"""Reads Bioptigen's `.OCT`: a header of named values, and frames of words, A-scan by A-scan (by the maker's own reader)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from imaging.dicom_identity import Identity, checked_date
from imaging.errors import DetailsNeeded, ImageError, ImageTooComplex, TruncatedImage, UnsupportedImage
from imaging.geometry import Spacing
from imaging.given import NOTHING, Given
from imaging.pixels import check_memory, check_size
from imaging.raw_bscans import BYTES_OF_PIXEL, RawBscans
from imaging.readers.heidelberg import micrometres
from imaging.reading import Format
from imaging.volume import ExaminedVolume, check_count

SIGNATURE_AT, SIGNATURE = 6, b"\x0b\0\0\0FRAMEHEADER"
NUMBER = struct.Struct("<I")
MAX_KEY_BYTES, MAX_KEYS, MAX_FRAMES = 32, 64, 2**16
WHOLE = {"FRAMECOUNT", "LINECOUNT", "LINELENGTH", "SCANTYPE", "SCANS", "FRAMES", "FRAMELINES"}
REAL = {"SCANDEPTH", "SCANLENGTH", "AZSCANLENGTH", "ELSCANLENGTH"}
OF_HEADER = (WHOLE - {"FRAMELINES"}) | REAL | {
    "FRAMEHEADER", "SAMPLEFORMAT", "DESCRIPTION", "XMIN", "XMAX", "XCAPTION", "YMIN", "YMAX", "YCAPTION",
    "OBJECTDISTANCE", "SCANANGLE", "FRAMESPERVOLUME", "DOPPLERFLAG", "CONFIG",
}  # fmt: skip
OF_FRAME = {"FRAMEDATA", "FRAMEDATETIME", "FRAMETIMESTAMP", "FRAMELINES", "FRAMESAMPLES", "DOPPLERSAMPLES"}
FRAME, TIME, SAMPLES = "FRAMEDATA", "FRAMEDATETIME", "FRAMESAMPLES"
MARKS = {"FRAMEHEADER", FRAME}
"""What begins a header or a frame: it has a length, and no value of its own."""
DATE = struct.Struct("<2H2xH")
LINEAR, RASTER, MIXED = 0, 1, 6
PATTERNS = {LINEAR: "line", RASTER: "raster", 3: "radial"}
WORD_BYTES = 2


@dataclass
class _Read:
    """What has been read of a file so far: whole and real numbers by their keys, and the frames' words."""

    numbers: dict[str, float] = field(default_factory=dict)
    frames: list[tuple[int, int]] = field(default_factory=list)
    """Where each one's words begin, and how many A-scans they are."""
    acquired: str = ""

    def whole(self, key: str) -> int:
        """0 where the file doesn't say it."""
        return int(self.numbers.get(key, 0))


def is_volume(content: bytes) -> bool:
    """A file of this kind is never a picture."""
    return True


def examine(content: bytes, known: Format) -> ExaminedVolume:
    """Look at a file of one volume. Raises as `examine_given`."""
    return examine_given(content, known, NOTHING)


def examine_given(content: bytes, known: Format, given: Given) -> ExaminedVolume:
    """Look at the volume of that number, or at the only one.

    Raises DetailsNeeded for several of which none was named, UnsupportedImage for scans of mixed density, TruncatedImage,
    ImageTooLarge, ImageTooSmall, ImageTooComplex, ImageError.
    """
    at, header = _header(content)
    declared, height, lines = (
        header.whole("FRAMECOUNT"),
        header.whole("LINELENGTH"),
        header.whole("LINECOUNT"),
    )
    if header.whole("SCANTYPE") == MIXED:
        raise UnsupportedImage("Bioptigen files of mixed density are not read.")
    if not declared or not height:
        raise ImageError("The Bioptigen file's header makes no sense.")
    if declared > MAX_FRAMES:
        raise ImageTooComplex(
            f"The Bioptigen file holds {declared:,} frames; files of up to {MAX_FRAMES:,} are read."
        )
    first, count = _chosen(header, declared, given)
    check_count(count, known.name)
    frames = _frames(content, at, header, first + count)
    widths = {width or lines for _, width in frames[first:]}
    if len(widths) > 1:
        raise UnsupportedImage("The Bioptigen file's frames are not of one size.")
    width = widths.pop() if widths else lines
    check_size(width, height)
    needed = BYTES_OF_PIXEL * width * height
    check_memory(needed, known.name)
    size = WORD_BYTES * width * height
    gaps = {
        place: f"Frame {first + place + 1} of the Bioptigen file is missing or not whole: the file ends too early."
        for place in range(count)
        if first + place >= len(frames) or frames[first + place][0] + size > len(content)
    }
    if len(gaps) == count:
        raise TruncatedImage("The Bioptigen file ends before its first frame does.")
    return ExaminedVolume(
        media_type=known.media_type,
        format_name=known.name,
        count=count,
        width=width,
        height=height,
        memory_bytes=needed + len(content),
        is_isolated=False,
        _bscans=RawBscans(
            lambda place: _words(content, frames[first + place][0], width, height),
            [place for place in range(count) if place not in gaps],
        ),
        spacing=_spacing(header, width, height, count),
        places=(None,) * count,
        names=tuple(f"frame {first + place + 1}" for place in range(count)),
        gaps=gaps,
        # Eye and patient are nowhere in the file.
        identity=Identity(acquired=header.acquired, device="Bioptigen"),
        pattern=PATTERNS.get(header.whole("SCANTYPE"), ""),
    )


def _spacing(header: _Read, width: int, height: int, count: int) -> Spacing:
    """How far pixels and, in a raster, B-scans lie apart, by the lengths of the whole scan in the header."""
    is_raster = header.whole("SCANTYPE") == RASTER and count > 1
    across = header.numbers.get("AZSCANLENGTH") or header.numbers.get("SCANLENGTH", 0)
    return Spacing(
        x=micrometres(across / width),
        z=micrometres(header.numbers.get("SCANDEPTH", 0) / height),
        between=micrometres(header.numbers.get("ELSCANLENGTH", 0) / count) if is_raster else None,
    )


def _chosen(header: _Read, declared: int, given: Given) -> tuple[int, int]:
    """The first frame of the volume that is meant, and how many it has: a file may hold it at several times."""
    times, each = header.whole("FRAMES"), header.whole("SCANS")
    number = given.volume_number
    several = header.whole("SCANTYPE") != LINEAR and times > 1 and each > 1 and times * each == declared
    most = times if several else 1
    if number is not None and not 1 <= number <= most:
        what = "volume" if most == 1 else "volumes"
        raise UnsupportedImage(f"The Bioptigen file holds {most} {what}. None has the number {number}.")
    if not several:
        return 0, declared
    if number is None:
        raise DetailsNeeded(
            f"The Bioptigen file holds {times} volumes of {each} frames, one after the other. Say by `volume_number` which "
            "one is meant; each is uploaded by itself."
        )
    return (number - 1) * each, each


def _words(content: bytes, at: int, width: int, height: int) -> npt.NDArray[Any]:
    """A frame whose rows are in depth: the file has one A-scan after the other."""
    return np.ascontiguousarray(np.frombuffer(content, "<u2", width * height, at).reshape(width, height).T)


def _header(content: bytes) -> tuple[int, _Read]:
    """Where the first frame begins, and what stands before it."""
    found = _Read()
    at = SIGNATURE_AT
    for _ in range(MAX_KEYS):
        key, value_at, size = _key(content, at)
        if key not in OF_HEADER:
            return _behind_end(content, at), found
        if key in MARKS:
            at = value_at
            continue
        _keep(found, content, key, value_at, size)
        at = value_at + size
    raise ImageTooComplex(f"The Bioptigen file's header has more than {MAX_KEYS} values.")


def _frames(content: bytes, at: int, header: _Read, count: int) -> list[tuple[int, int]]:
    """The frames up to that number, as far as the file has them."""
    height = header.whole("LINELENGTH")
    for _ in range(count):
        lines = 0
        try:
            key, at, _ = _key(content, at)
            if key != FRAME:
                break
            for _ in range(MAX_KEYS):
                key, value_at, size = _key(content, at)
                if key not in OF_FRAME or key == FRAME:
                    at = _behind_end(content, at)
                    break
                if key == "FRAMELINES":
                    header.numbers.pop(key, None)
                    _keep(header, content, key, value_at, size)
                    lines = header.whole(key)
                if key == TIME and not header.acquired and value_at + DATE.size <= len(content):
                    header.acquired = _day(content, value_at)
                if key == SAMPLES:
                    header.frames.append((value_at, lines))
                    # Whatever length the file says it has.
                    size = max(size, WORD_BYTES * height * (lines or header.whole("LINECOUNT")))
                at = value_at + size
        except TruncatedImage:
            break
    return header.frames


def _behind_end(content: bytes, at: int) -> int:
    """Behind the empty key that ends a header or a frame, where there is one."""
    return at + NUMBER.size if content[at : at + NUMBER.size] == bytes(NUMBER.size) else at


def _key(content: bytes, at: int) -> tuple[str, int, int]:
    """A value's key, where it stands, and how many bytes it has. Raises TruncatedImage, ImageError."""
    if at + NUMBER.size > len(content):
        raise TruncatedImage("The Bioptigen file ends too early.")
    (length,) = NUMBER.unpack_from(content, at)
    if length > MAX_KEY_BYTES:
        raise ImageError("The Bioptigen file is damaged.")
    key = content[at + NUMBER.size : at + NUMBER.size + length].decode("latin-1")
    at += NUMBER.size + length
    if at + NUMBER.size > len(content):
        raise TruncatedImage("The Bioptigen file ends too early.")
    return key, at + NUMBER.size, int(NUMBER.unpack_from(content, at)[0])


def _keep(found: _Read, content: bytes, key: str, at: int, size: int) -> None:
    if key in WHOLE and at + 4 <= len(content) and size:
        found.numbers[key] = int.from_bytes(content[at : at + min(size, 4)], "little")
    if key in REAL and at + 8 <= len(content) and size == 8:
        found.numbers[key] = struct.unpack_from("<d", content, at)[0]


def _day(content: bytes, at: int) -> str:
    try:
        return checked_date("{:04}-{:02}-{:02}".format(*DATE.unpack_from(content, at)))
    except ValueError:  # from a device without a clock
        return ""
