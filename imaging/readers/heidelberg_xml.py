"""Reads Heidelberg's XML export: a file that says what its pictures are, and the pictures, together in a ZIP.

The XML is read as a stream, and only what is needed of it is kept: most of it are boundaries of layers, point by point.
"""

from __future__ import annotations

import xml.parsers.expat  # nosec B407 - a document type is refused, so no entity can be declared
from dataclasses import dataclass, field
from itertools import pairwise
from math import dist
from statistics import median

from imaging.dicom_identity import Identity, checked_date, device_named, patient_number
from imaging.errors import ImageError, ImageTooComplex, UnsupportedImage
from imaging.geometry import Place, Spacing, agreed, pattern_of, plausible_um
from imaging.readers.heidelberg import MICROMETRES_PER_MILLIMETRE, on_enface
from imaging.volume import MAX_BSCANS

ROOT = b"<HEDX"
FIRST_BYTES = 1024
MAX_DEPTH = 32
MAX_ELEMENTS = 2_000 * MAX_BSCANS
MAX_TEXT = 512
"""Letters of what is kept."""
MAX_IMAGES = MAX_BSCANS + 64
EYES = {"R": "OD", "L": "OS"}
EVEN = 0.04
"""By what share of their median the distances of B-scans may differ: as rounded in the file."""
IMAGE, SERIES = "Image", "Series"


@dataclass
class Image:
    """What the export says of one of its pictures: texts by their places below `Image`, such as "ImageType/Type"."""

    texts: dict[str, str] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """The last part of the address that the picture had when it was exported."""
        return self.texts.get("ImageData/ExamURL", "").replace("\\", "/").rpartition("/")[2]

    @property
    def kind(self) -> str:
        """OCT or LOCALIZER, or another."""
        return self.texts.get("ImageType/Type", "").upper()

    def number(self, name: str) -> float | None:
        """A number of the picture's acquisition."""
        return _number(self.texts.get(f"OphthalmicAcquisitionContext/{name}", ""))


@dataclass(frozen=True)
class Export:
    """What an export says: its B-scans in order, the en-face image, and everything around them."""

    bscans: tuple[Image, ...]
    enface: Image | None
    spacing: Spacing
    places: tuple[Place | None, ...]
    pattern: str
    identity: Identity


def is_export(content: bytes) -> bool:
    """Whether a file is the XML of an export."""
    return ROOT in content[:FIRST_BYTES]


def export_of(content: bytes) -> Export:
    """What an export's XML says.

    Raises ImageTooComplex for more pictures or elements than are read, UnsupportedImage for several series or none,
    ImageError for what is no XML or declares a document type.
    """
    found = _Reading()
    try:
        found.parser.Parse(content, True)
    except (
        xml.parsers.expat.ExpatError,
        ValueError,
        LookupError,
    ) as error:  # encodings that are not known, too
        raise ImageError("The XML file of the export is damaged.") from error
    with_bscans = [series for series in found.series if any(image.kind == "OCT" for image in series.images)]
    if len(with_bscans) != 1:
        raise UnsupportedImage(
            f"The export holds {len(with_bscans) or 'no'} series of B-scans. Export one series, which is one volume."
        )
    return _export(with_bscans[0], found.texts)


@dataclass
class _Series:
    texts: dict[str, str] = field(default_factory=dict)
    images: list[Image] = field(default_factory=list)


class _Reading:
    """Collects texts while the parser goes through the file."""

    def __init__(self) -> None:
        self.parser = xml.parsers.expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.series: list[_Series] = []
        self.texts: dict[str, str] = {}
        """Of the patient and the study."""
        self._path: list[str] = []
        self._written = ""
        self._elements = 0

    def _refuse_doctype(self, *_: object) -> None:
        raise ImageError("The XML file of the export declares a document type, which no export does.")

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._elements += 1
        if len(self._path) >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise ImageTooComplex("The XML file of the export has too many elements.")
        self._path.append(name[:MAX_TEXT])
        self._written = ""
        if name == SERIES and self._path.count(SERIES) == 1:
            self.series.append(_Series())
        if name == IMAGE and self._path[-2:-1] == [SERIES]:
            self.series[-1].images.append(Image())
            if len(self.series[-1].images) > MAX_IMAGES:
                raise ImageTooComplex(f"The export holds more than {MAX_IMAGES:,} pictures.")

    def _text(self, text: str) -> None:
        if len(self._written) < MAX_TEXT:
            self._written += text[:MAX_TEXT]

    def _end(self, _: str) -> None:
        text = self._written.strip()
        if text:
            held, path = self._holder()
            held.setdefault("/".join(path), text)
        self._written = ""
        self._path.pop()

    def _holder(self) -> tuple[dict[str, str], list[str]]:
        """What the element belongs to, and its place below that."""
        if SERIES not in self._path:
            return self.texts, self._path[2:]
        below = self._path[self._path.index(SERIES) + 1 :]
        if below[:1] == [IMAGE]:
            return self.series[-1].images[-1].texts, below[1:]
        return self.series[-1].texts, below


def _export(series: _Series, texts: dict[str, str]) -> Export:
    bscans = tuple(image for image in series.images if image.kind == "OCT")
    enface = next((image for image in series.images if image.kind == "LOCALIZER"), None)
    lines = [_line(image) for image in bscans]
    places = tuple(
        on_enface(line, enface.number("ScaleX") or 0, enface.number("ScaleY") or 0)
        if enface and line
        else None
        for line in lines
    )
    pattern = pattern_of(places) or ("raster" if series.texts.get("Type") == "Volume" else "")
    return Export(
        bscans=bscans,
        enface=enface,
        spacing=Spacing(
            x=agreed([_micrometres(image.number("ScaleX")) for image in bscans]),
            z=agreed([_micrometres(image.number("ScaleY")) for image in bscans]),
            between=_between(lines) if pattern == "raster" else None,
        ),
        places=places,
        pattern=pattern,
        identity=Identity(
            eye=_eye(series, bscans),
            patient=patient_number(texts.get("Patient/PatientID", "")),
            acquired=_day(series, texts),
            device=device_named(
                series.texts.get("GeneralEquipment/Manufacturer", ""),
                series.texts.get("GeneralEquipment/ManufacturerModelName", ""),
            ),
        ),
    )


def _line(image: Image) -> tuple[float, float, float, float] | None:
    """A B-scan's line in millimetres; None where it isn't said."""
    x0, y0, x1, y1 = (image.number(f"{end}/Coord/{axis}") for end in ("Start", "End") for axis in ("X", "Y"))
    return None if x0 is None or y0 is None or x1 is None or y1 is None else (x0, y0, x1, y1)


def _between(lines: list[tuple[float, float, float, float] | None]) -> float | None:
    known = [line for line in lines if line is not None]
    if len(known) < max(len(lines), 2):
        return None
    steps = list(pairwise(known))
    distances = [dist(one[:2], other[:2]) for one, other in steps] + [
        dist(one[2:], other[2:]) for one, other in steps
    ]
    usual = median(distances)
    is_even = all(abs(distance - usual) <= EVEN * usual for distance in distances)
    return _micrometres(sum(distances) / len(distances)) if is_even else None


def _eye(series: _Series, bscans: tuple[Image, ...]) -> str:
    named = {series.texts.get("Laterality", ""), *(image.texts.get("Laterality", "") for image in bscans)} - {
        ""
    }
    sides = {EYES.get(side.upper(), "") for side in named}
    return sides.pop() if len(sides) == 1 else ""


def _day(series: _Series, texts: dict[str, str]) -> str:
    """When it was taken: the study's day; "" where that is none."""
    parts = [texts.get(f"Patient/Study/StudyDate/Date/{name}", "") for name in ("Year", "Month", "Day")]
    try:
        return checked_date("-".join(parts))
    except ValueError:
        return ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _micrometres(millimetres: float | None) -> float | None:
    return None if millimetres is None else plausible_um(millimetres * MICROMETRES_PER_MILLIMETRE)
