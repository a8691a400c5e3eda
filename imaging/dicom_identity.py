"""Whose eye a DICOM file shows, when and by which device it was taken. Decoding looks at none of this."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from imaging import dicom
from imaging.dicom.elements import PER_FRAME, SHARED
from imaging.errors import ImageError

SIDES = {
    "R": "OD",
    "RIGHT": "OD",
    "OD": "OD",
    "L": "OS",
    "LEFT": "OS",
    "OS": "OS",
    "B": "both",
    "BOTH": "both",
}
LATERALITIES = ("ImageLaterality", "Laterality", "MeasurementLaterality")
DATES = ("AcquisitionDateTime", "AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate")
"""From what is nearest to the picture to what is farthest; those of frames come first."""
DATE = re.compile(r"([0-9]{4})[.-]?([0-9]{2})?[.-]?([0-9]{2})?")
WRITTEN_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
FIRST_YEAR = 1970
"""Devices without a clock write 1900 or 1; pictures that are as old as this were not taken digitally."""
MAX_NUMBER_LETTERS = 64
"""By the standard (PS3.5, LO); what is longer is no number."""
DEVICES = Path(__file__).with_name("devices.json")
"""Makers by their names for people, with what to look for in a file's words for them (lower case), and so their models."""
PLACEHOLDERS = frozenset(
    {"0", "anon", "anonymised", "anonymized", "anonymous", "n/a", "na", "no id", "none", "test", "unknown"}
)
"""What files have in place of a patient's number."""


@dataclass(frozen=True)
class Identity:
    """What a file says; "" for what it doesn't, or in ways that contradict each other."""

    eye: str = ""
    """OD or OS."""
    patient: str = ""
    """The patient's number."""
    issuer: str = ""
    """Who gave that number; numbers of two issuers are two patients'."""
    acquired: str = ""
    """When it was taken, as ISO 8601 writes it: 2024-03-17, or less of it."""
    device: str = ""
    """Maker and model by which it was taken, of those in devices.json: never the file's own words, which may be any."""


def identity(header: Any) -> Identity:
    """What a DICOM file says of eye, patient, date and device, by its `dicom.header`. What can't be read isn't said."""
    patient = patient_number(_text(header, "PatientID"))
    issuer = _text(header, "IssuerOfPatientID") if patient else ""
    return Identity(_eye(header), patient, issuer, _acquired(header), _device(header))


def patient_number(text: str) -> str:
    """A patient's number as a file has it; "" for what stands in its place, and for what is too long to be one."""
    number = "".join(letter for letter in text if letter.isprintable()).strip()
    return "" if number.casefold() in PLACEHOLDERS or len(number) > MAX_NUMBER_LETTERS else number


def checked_date(text: str) -> str:
    """A day, month or year as ISO 8601 writes it: 2024-03-17, 2024-03, 2024.

    Raises ValueError for any other text, a day that there isn't, and one before `FIRST_YEAR` or later than tomorrow
    (it may be tomorrow already where the picture was taken).
    """
    found = WRITTEN_DATE.fullmatch(text)
    if not found:
        raise ValueError("not a date")
    return _date(found)


def _eye(header: Any) -> str:
    """Of all places that name a side; "" where they name several."""
    named = [_text(header, name) for name in LATERALITIES]
    named += [_text(anatomy, "FrameLaterality") for anatomy in _in_groups(header, "FrameAnatomySequence")]
    sides = {SIDES[side.upper()] for side in named if side.upper() in SIDES}
    return sides.pop() if len(sides) == 1 and sides != {"both"} else ""


def _device(header: Any) -> str:
    """The maker and model by their names in devices.json; the maker alone where the model is not known."""
    return device_named(_text(header, "Manufacturer"), _text(header, "ManufacturerModelName"))


def device_named(manufacturer: str, model_name: str) -> str:
    """What devices.json calls the device of which a file says these words; "" for one that it doesn't know."""
    manufacturer, model_name = manufacturer.casefold(), model_name.casefold()
    for known in _devices():
        if any(word in manufacturer for word in known["written"]):
            models = known["models"].items()
            model = next((name for name, words in models if any(word in model_name for word in words)), "")
            return f"{known['maker']} {model}".strip()
    return ""


@cache
def _devices() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DEVICES.read_text(encoding="utf-8"))
    return found


def _acquired(header: Any) -> str:
    """The first of the file's dates that can be one, "" without any."""
    frames = [
        _text(frame, "FrameAcquisitionDateTime") for frame in _in_groups(header, "FrameContentSequence")
    ]
    for text in (*frames, *(_text(header, name) for name in DATES)):
        found = DATE.match(text)
        try:
            if found:
                return _date(found)
        except ValueError:  # of a device without a clock
            continue
    return ""


def _date(found: re.Match[str]) -> str:
    parts = [part for part in found.groups() if part]
    year, month, day = (*map(int, parts), *(1,) * (3 - len(parts)))
    moment = date(year, month, day)
    if not FIRST_YEAR <= year or moment > date.today() + timedelta(days=1):
        raise ValueError("not a date on which a picture can have been taken")
    return "-".join(parts)


def _in_groups(header: Any, name: str) -> Iterator[Any]:
    """Items of a sequence within the functional groups of multi-frame files (DICOM PS3.3, C.7.6.16)."""
    for groups in (SHARED, PER_FRAME):
        try:
            for group in dicom.sequence(header, groups):
                yield from dicom.sequence(group, name)
        except ImageError:
            continue


def _text(data: Any, name: str) -> str:
    """An element's first value as printable text, "" without it."""
    try:
        found = [value for value in dicom.values(data, name) if isinstance(value, str)]
    except ImageError:
        return ""
    return "".join(letter for letter in (found or [""])[0] if letter.isprintable()).strip()
