"""Reads Optovue's raw export: an `.OCT` that is nothing but floats, and a `.txt` beside it that says how many of what size.

A-scans are stored one after the other, from their deepest value upwards (as oct-to-tiff and oct-converter read them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from imaging.dicom_identity import Identity
from imaging.errors import DetailsNeeded, ImageError, TruncatedImage, UnsupportedImage
from imaging.given import NOTHING, Given
from imaging.pixels import check_memory, check_size
from imaging.raw_bscans import BYTES_OF_PIXEL, RawBscans
from imaging.reading import Format
from imaging.volume import MAX_BSCANS, ExaminedVolume, check_count

MAX_DESCRIPTION_BYTES = 2**20
MAX_LINES = 10_000
FLOAT_BYTES = 4
HEIGHT, LENGTH, USAGE, EYE = "Window Height", "Scan Length", "Scan Usage", "Eye Scanned"
EYES = ("OD", "OS")
_WORD = re.compile(r"[A-Za-z0-9_.]+")
MOST_DIGITS = 9


@dataclass(frozen=True)
class Description:
    """What the text beside an `.OCT` says: width, height and number of each group of B-scans, and the eye."""

    groups: tuple[tuple[int, int, int], ...]
    eye: str


def is_volume(content: bytes) -> bool:
    """A file of this kind is never a picture."""
    return True


def examine(content: bytes, known: Format) -> ExaminedVolume:
    """Ask for the text beside the file. Raises DetailsNeeded."""
    return examine_given(content, known, NOTHING)


def description_of(content: bytes) -> Description | None:
    """What a text says of an `.OCT`, None for one that is about something else."""
    if len(content) > MAX_DESCRIPTION_BYTES or b"\0" in content:
        return None
    lines = content.decode("latin-1").splitlines()[:MAX_LINES]
    groups = tuple(_groups(lines))
    if not groups:
        return None
    eyes = {eye for line in lines if EYE in line for eye in _WORD.findall(line) if eye in EYES}
    return Description(groups, eyes.pop() if len(eyes) == 1 else "")


def _groups(lines: list[str]) -> Iterator[tuple[int, int, int]]:
    height = 0
    for line, following in pairwise([*lines, ""]):
        if HEIGHT in line:
            height = _number(line)
        if LENGTH in line and USAGE in following:
            yield _number(line), height, _number(following)


def _number(line: str) -> int:
    """The first whole number of a line, 0 without any."""
    words = (word for word in _WORD.findall(line) if len(word) <= MOST_DIGITS)
    return int(next((word for word in words if word.isascii() and word.isdecimal()), 0))


def examine_given(content: bytes, known: Format, given: Given) -> ExaminedVolume:
    """Look at an `.OCT` of which the text beside it says the size.

    Raises DetailsNeeded without that text, UnsupportedImage for B-scans of several sizes, TruncatedImage, ImageTooLarge,
    ImageTooSmall, ImageTooComplex, ImageError for a text that makes no sense.
    """
    said = description_of(given.beside)
    if said is None:
        raise DetailsNeeded(
            "The Optovue .OCT file doesn't say how large its B-scans are: its .txt of the same name does. Send both "
            "together, as two files or as a ZIP."
        )
    sizes = {(width, height) for width, height, _ in said.groups}
    if len(sizes) > 1:
        several = " and ".join(f"{width} × {height}" for width, height in sorted(sizes))
        raise UnsupportedImage(
            f"The Optovue file holds B-scans of several sizes ({several} pixels), so they are no volume."
        )
    width, height = sizes.pop()
    check_size(width, height)
    count = sum(number for _, _, number in said.groups)
    check_count(min(count, MAX_BSCANS + 1), known.name)
    if not count:
        raise ImageError("The text beside the Optovue file says that there is no B-scan.")
    size = FLOAT_BYTES * width * height
    needed = BYTES_OF_PIXEL * width * height
    check_memory(needed, known.name)
    there = range(min(count, len(content) // size))
    if not there:
        raise TruncatedImage("The Optovue file ends before its first B-scan does.")

    def upright(place: int) -> npt.NDArray[np.float32]:
        found = np.frombuffer(content, "<f4", width * height, place * size)
        return np.ascontiguousarray(np.rot90(found.reshape(width, height)))

    return ExaminedVolume(
        media_type=known.media_type,
        format_name=known.name,
        count=count,
        width=width,
        height=height,
        memory_bytes=needed + len(content),
        is_isolated=False,
        _bscans=RawBscans(upright, there),
        places=(None,) * count,
        names=tuple(f"B-scan {place + 1}" for place in range(count)),
        gaps={
            place: f"B-scan {place + 1} of the Optovue file is missing or not whole: the file ends too early."
            for place in range(len(there), count)
        },
        identity=Identity(eye=said.eye, device="Optovue"),
    )
