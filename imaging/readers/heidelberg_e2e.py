"""Reads Heidelberg's `.e2e`: what HEYEX keeps of examinations, of which one volume is read at a time.

No field of a file is believed that another contradicts: the eye is said only where all containers of the series agree,
and lines on the en-face image only where its size tells how wide it is.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt

from imaging.dicom_identity import Identity, patient_number
from imaging.errors import DetailsNeeded, ImageError, TruncatedImage, UnsupportedImage
from imaging.geometry import Place, Spacing
from imaging.given import NOTHING, Given
from imaging.pixels import Rgb, check_memory, check_size, grey_to_rgb
from imaging.raw_bscans import BYTES_OF_PIXEL, GREATEST_WORD, RawBscans
from imaging.readers.heidelberg import DEVICE, LOWEST, PATTERNS, RANGE, SMALLEST, day_of, micrometres
from imaging.reading import Format
from imaging.structure import e2e
from imaging.volume import MAX_BSCANS, ExaminedVolume, check_count

IMAGE, BSCAN_FACTS, PATIENT = 1_073_741_824, 10_004, 9
EYES_AT = {11: 14, 59: 14, 3: 4}
"""The letter of the eye in containers of a series, by their type."""
EYES = {b"R": "OD", b"L": "OS"}
IMAGE_HEADER = struct.Struct("<4xI4xII")
"""Kind, height and width."""
BSCAN_KIND, ENFACE_KIND = 35_652_097, 33_620_481
FACTS = struct.Struct("<12x4f8xf24xI4xI12xQ")
"""Where it begins and ends in degrees, the depth of a pixel, how many B-scans there are, the pattern, the time."""
PATIENT_NUMBER_AT, PATIENT_NUMBER_BYTES = 102, 25
EMPTY = 1.99
"""Reflectivity from which on a value says that there is none."""
FIELDS = {384: (15,), 512: (20,), 768: (15, 30), 1024: (20,), 1536: (30,)}
"""How many degrees an en-face image of that many pixels may be wide (Spectralis, accessories, table of image sizes)."""
MAX_LISTED = 12
DIGITS = 7
"""Of a millimetre: what a float of four bytes tells of the depth of a pixel."""


@dataclass
class _Series:
    """The containers of one series, by slice where they belong to one."""

    bscans: dict[int, e2e.Entry] = field(default_factory=dict)
    facts: dict[int, e2e.Entry] = field(default_factory=dict)
    enface: e2e.Entry | None = None
    eyes: list[e2e.Entry] = field(default_factory=list)
    patient: int = 0


@dataclass(frozen=True)
class _Facts:
    """What the file says of one B-scan."""

    line: tuple[float, float, float, float]
    depth_mm: float
    count: int
    pattern: int
    ticks: int


def is_volume(content: bytes) -> bool:
    """A file of this kind is never a picture."""
    return True


def examine(content: bytes, known: Format) -> ExaminedVolume:
    """Look at a file of one volume. Raises as `examine_given`."""
    return examine_given(content, known, NOTHING)


def examine_given(content: bytes, known: Format, given: Given) -> ExaminedVolume:
    """Look at the volume of that number, or at the only one.

    Raises DetailsNeeded for several of which none was named, UnsupportedImage for a file without B-scans, and for a
    number that none has; TruncatedImage, ImageTooLarge, ImageTooSmall, ImageTooComplex, ImageError.
    """
    found, patients = _series_of(content)
    chosen = found[0] if len(found) == 1 and given.volume_number is None else _chosen(content, found, given)
    facts = {place: _facts(content, entry) for place, entry in chosen.facts.items()}
    known_facts = [fact for fact in facts.values() if fact is not None]
    count = max((*chosen.bscans, *(fact.count - 1 for fact in known_facts)), default=0) + 1
    # A single B-scan may have any number.
    first = min(chosen.bscans) if len(chosen.bscans) == 1 and all(f.count <= 1 for f in known_facts) else 0
    count = 1 if first or len(chosen.bscans) == 1 and count <= 1 else count
    check_count(count, known.name)
    entries = [chosen.bscans.get(first + place) for place in range(count)]
    gaps = {place: fault for place, entry in enumerate(entries) if (fault := _fault(content, entry, place))}
    if len(gaps) == count:
        raise TruncatedImage("The Heidelberg .e2e file holds no whole B-scan.")
    sizes = {_size(content, entry) for place, entry in enumerate(entries) if entry and place not in gaps}
    if len(sizes) > 1:
        several = " and ".join(f"{width} × {height}" for width, height in sorted(sizes))
        raise UnsupportedImage(f"The volume's B-scans are not of one size ({several} pixels).")
    width, height = sizes.pop()
    check_size(width, height)
    enface = _enface_size(content, chosen.enface)
    needed = BYTES_OF_PIXEL * width * height + 3 * enface[0] * enface[1]
    check_memory(needed, known.name)
    in_order = [facts.get(first + place) for place in range(count)]
    there = [place for place in range(count) if place not in gaps]
    return ExaminedVolume(
        media_type=known.media_type,
        format_name=known.name,
        count=count,
        width=width,
        height=height,
        memory_bytes=needed + len(content),
        is_isolated=False,
        _bscans=RawBscans(
            lambda place: _shown(content, entries[place], width, height),
            there,
            lambda: _enface(content, chosen.enface, *enface),
            white=GREATEST_WORD,
        ),
        # Along a B-scan the file has degrees, and how long they are depends on the eye.
        spacing=Spacing(z=micrometres(round(known_facts[0].depth_mm, DIGITS)) if known_facts else None),
        places=_places(in_order, enface[0] if enface[0] == enface[1] else 0),
        names=tuple(f"B-scan {place + 1}" for place in range(count)),
        gaps=gaps,
        has_enface=enface[0] > 0,
        identity=Identity(
            eye=_eye(content, chosen),
            patient=_patient(content, patients.get(chosen.patient)),
            acquired=day_of(known_facts[0].ticks) if known_facts else "",
            device=DEVICE,
        ),
        pattern=_pattern(known_facts),
    )


def _series_of(content: bytes) -> tuple[list[_Series], dict[int, e2e.Entry]]:
    """The series that hold B-scans, in the order in which the file has them, and the containers of patients."""
    series: dict[tuple[int, int, int], _Series] = defaultdict(_Series)
    patients: dict[int, e2e.Entry] = {}
    for entry in e2e.entries(content):
        if entry.kind == PATIENT:
            patients.setdefault(entry.patient, entry)
        if e2e.NOT_SAID in entry.owner:
            continue
        own = series[entry.owner]
        own.patient = entry.patient
        place = entry.slice // 2
        if entry.kind in EYES_AT:
            own.eyes.append(entry)
        elif entry.kind == BSCAN_FACTS and 0 <= place < 2 * MAX_BSCANS:
            own.facts.setdefault(place, entry)
        elif entry.kind == IMAGE:
            kind = _image_kind(content, entry)
            if kind == BSCAN_KIND and place >= 0:
                own.bscans.setdefault(place, entry)
            elif kind == ENFACE_KIND and own.enface is None:
                own.enface = entry
    found = [one for one in series.values() if one.bscans]
    if not found:
        raise UnsupportedImage("The Heidelberg .e2e file holds no B-scans.")
    return found, patients


def _chosen(content: bytes, found: list[_Series], given: Given) -> _Series:
    number = given.volume_number
    if number is not None and 1 <= number <= len(found):
        return found[number - 1]
    listed = "; ".join(
        f"{place}: {_described(content, one)}" for place, one in enumerate(found[:MAX_LISTED], 1)
    )
    more = "; …" if len(found) > MAX_LISTED else ""
    what = "volume" if len(found) == 1 else "volumes"
    sentence = f"The Heidelberg .e2e file holds {len(found)} {what} ({listed}{more})."
    if number is not None:
        raise UnsupportedImage(f"{sentence} None has the number {number}.")
    raise DetailsNeeded(f"{sentence} Say by `volume_number` which one is meant; each is uploaded by itself.")


def _described(content: bytes, one: _Series) -> str:
    """What tells a volume from others, without whose it is."""
    fact = next((fact for entry in one.facts.values() if (fact := _facts(content, entry))), None)
    count = len(one.bscans)
    parts = (
        _eye(content, one),
        f"{count} B-scan{'' if count == 1 else 's'}",
        day_of(fact.ticks) if fact else "",
    )
    return ", ".join(part for part in parts if part)


def _image_kind(content: bytes, entry: e2e.Entry) -> int:
    if entry.at + IMAGE_HEADER.size > len(content):
        # What it would have been is told by its index: 1 for a B-scan.
        return BSCAN_KIND if entry.index == 1 else 0
    return int(IMAGE_HEADER.unpack_from(content, entry.at)[0])


def _size(content: bytes, entry: e2e.Entry) -> tuple[int, int]:
    """Width and height of an image's container, of which the header is there."""
    _, height, width = IMAGE_HEADER.unpack_from(content, entry.at)
    return width, height


def _fault(content: bytes, entry: e2e.Entry | None, place: int) -> str:
    """Why a B-scan is a gap; "" for a whole one."""
    name = f"B-scan {place + 1} of the Heidelberg .e2e file"
    if entry is None:
        return f"{name} is missing."
    if entry.at + IMAGE_HEADER.size > len(content):
        return f"{name} is missing: the file ends too early."
    width, height = _size(content, entry)
    if not width * height or IMAGE_HEADER.size + 2 * width * height > entry.size_bytes:
        return f"{name} is not as large as it says."
    if entry.at + IMAGE_HEADER.size + 2 * width * height > len(content):
        return f"{name} is not whole: the file ends too early."
    return ""


def _enface_size(content: bytes, entry: e2e.Entry | None) -> tuple[int, int]:
    """Width and height of the en-face image, 0 and 0 where there is none or not all of it."""
    if entry is None or entry.at + IMAGE_HEADER.size > len(content):
        return 0, 0
    width, height = _size(content, entry)
    is_there = entry.at + IMAGE_HEADER.size + width * height <= len(content)
    try:
        check_size(width, height)
    except ImageError:
        return 0, 0
    return (width, height) if is_there else (0, 0)


def _enface(content: bytes, entry: e2e.Entry | None, width: int, height: int) -> Rgb | None:
    if entry is None or not width:
        return None
    found = np.frombuffer(content, np.uint8, width * height, entry.at + IMAGE_HEADER.size)
    return grey_to_rgb(found.reshape(height, width).copy())


def _shown(content: bytes, entry: e2e.Entry | None, width: int, height: int) -> npt.NDArray[np.uint16]:
    assert entry is not None  # it would be a gap
    words = np.frombuffer(content, "<u2", width * height, entry.at + IMAGE_HEADER.size)
    shown: npt.NDArray[np.uint16] = _table()[words].reshape(height, width)
    return shown


@cache
def _table() -> npt.NDArray[np.uint16]:
    """How HEYEX shows each word: a number of six bits of exponent and ten of fraction, by its logarithm."""
    words = np.arange(2**16)
    reflected = (1 + (words & 1023) / 1024) * 2.0 ** ((words >> 10) - 63)
    shown = np.clip((np.log(np.minimum(reflected, 1) + SMALLEST) + LOWEST) / RANGE, 0, 1)
    table: npt.NDArray[np.uint16] = np.rint(np.where(reflected > EMPTY, 0, shown) * GREATEST_WORD).astype(
        np.uint16
    )
    return table


def _facts(content: bytes, entry: e2e.Entry) -> _Facts | None:
    if entry.at + FACTS.size > len(content) or entry.size_bytes < FACTS.size:
        return None
    x0, y0, x1, y1, depth, count, pattern, ticks = FACTS.unpack_from(content, entry.at)
    return _Facts((x0, y0, x1, y1), depth, min(count, 2**31), pattern, ticks)


def _eye(content: bytes, series: _Series) -> str:
    letters = {
        content[entry.at + EYES_AT[entry.kind] : entry.at + EYES_AT[entry.kind] + 1] for entry in series.eyes
    }
    eyes = {EYES[letter] for letter in letters if letter in EYES}
    return eyes.pop() if len(eyes) == 1 else ""


def _patient(content: bytes, entry: e2e.Entry | None) -> str:
    if entry is None:
        return ""
    at = entry.at + PATIENT_NUMBER_AT
    return patient_number(content[at : at + PATIENT_NUMBER_BYTES].partition(b"\0")[0].decode("latin-1"))


def _pattern(facts: list[_Facts]) -> str:
    patterns = {PATTERNS.get(fact.pattern, "") for fact in facts}
    return patterns.pop() if len(patterns) == 1 else ""


def _places(facts: list[_Facts | None], side: int) -> tuple[Place | None, ...]:
    """Lines in pixels, where the size of the en-face image leaves one width in degrees that they all lie within."""
    lines = [fact.line for fact in facts if fact is not None]
    reaches = [abs(value) for line in lines for value in line]
    reach = max(reaches, default=0.0) if np.isfinite(reaches).all() else np.inf
    fields = [degrees for degrees in FIELDS.get(side, ()) if reach <= degrees / 2 * 1.05]
    if len(fields) != 1:
        return (None,) * len(facts)
    return tuple(None if fact is None else _place(fact, side, fields[0]) for fact in facts)


def _place(fact: _Facts, side: int, degrees: int) -> Place:
    x0, y0, x1, y1 = ((value / degrees + 0.5) * side for value in fact.line)
    # A circle ends where it begins.
    return Place(x0, y0, x0, y0) if PATTERNS.get(fact.pattern) == "circle" else Place(x0, y0, x1, y1)
