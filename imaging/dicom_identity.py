"""Eye, patient, date and device by the elements of a DICOM file. Decoding the pixels reads none of these."""

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
"""The date that is closest to the picture first. The dates of frames come before all of them."""
DATE = re.compile(r"([0-9]{4})[.-]?([0-9]{2})?[.-]?([0-9]{2})?")
WRITTEN_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
FIRST_YEAR = 1970
"""Devices without a clock write 1900 or 1. No older picture was taken digitally."""
MAX_PATIENT_ID_LETTERS = 64
"""By the standard (PS3.5, LO). A longer one is no patient's number."""
DEVICES = Path(__file__).with_name("devices.json")
"""Makers and their models: the name for people, and the words (in lower case) by which a file's elements name them."""
PLACEHOLDERS = frozenset(
    {"0", "anon", "anonymised", "anonymized", "anonymous", "n/a", "na", "no id", "none", "test", "unknown"}
)
"""What files without a patient's number have in its place."""


@dataclass(frozen=True)
class Identity:
    """What a file says; "" for what is missing or contradictory."""

    eye: str = ""
    """OD or OS."""
    patient: str = ""
    """The patient's number."""
    issuer: str = ""
    """Who issued that number. The same number of two issuers stands for two patients."""
    acquired: str = ""
    """When the picture was taken, in ISO 8601: 2024-03-17, 2024-03 or 2024."""
    device: str = ""
    """Maker and model by their names in devices.json. The file's own words, which may be anything, are not used."""
    modality: str = ""
    """DICOM's Modality, such as OPT: what kind of picture it is, and nobody's."""


def identity(header: Any) -> Identity:
    """Eye, patient, date, device and modality of a DICOM file, by its `dicom.header`. What can't be read stays empty."""
    patient = patient_number(_text(header, "PatientID"))
    issuer = _text(header, "IssuerOfPatientID") if patient else ""
    return Identity(
        _eye(header), patient, issuer, _acquired(header), _device(header), _text(header, "Modality")
    )


def patient_number(text: str) -> str:
    """A patient's number as a file has it; "" for what stands in its place, and for what is too long to be one."""
    number = "".join(letter for letter in text if letter.isprintable()).strip()
    return "" if number.casefold() in PLACEHOLDERS or len(number) > MAX_PATIENT_ID_LETTERS else number


def checked_date(text: str) -> str:
    """Check a day, month or year in ISO 8601: 2024-03-17, 2024-03 or 2024. Returns it unchanged.

    Raises ValueError for any other text, for a day that doesn't exist, and for one before `FIRST_YEAR` or after
    tomorrow. Tomorrow counts because it may have begun already where the picture was taken.
    """
    match = WRITTEN_DATE.fullmatch(text)
    if not match:
        raise ValueError("not a date")
    return _date(match)


def _eye(header: Any) -> str:
    """The eye by all elements that name a side; "" where they contradict each other."""
    named = [_text(header, name) for name in LATERALITIES]
    named += [_text(anatomy, "FrameLaterality") for anatomy in _in_groups(header, "FrameAnatomySequence")]
    sides = {SIDES[side.upper()] for side in named if side.upper() in SIDES}
    return sides.pop() if len(sides) == 1 and sides != {"both"} else ""


def _device(header: Any) -> str:
    """Maker and model by their names in devices.json; the maker alone where the model is not listed."""
    return device_named(_text(header, "Manufacturer"), _text(header, "ManufacturerModelName"))


def device_named(manufacturer: str, model_name: str) -> str:
    """What devices.json calls the device of which a file says these words; "" for one that it doesn't know."""
    manufacturer, model_name = manufacturer.casefold(), model_name.casefold()
    for device in _devices():
        if any(word in manufacturer for word in device["written"]):
            models = device["models"].items()
            model = next((name for name, words in models if any(word in model_name for word in words)), "")
            return f"{device['maker']} {model}".strip()
    return ""


@cache
def _devices() -> list[dict[str, Any]]:
    devices: list[dict[str, Any]] = json.loads(DEVICES.read_text(encoding="utf-8"))
    return devices


def _acquired(header: Any) -> str:
    """The first plausible date of the file; "" without any."""
    frames = [
        _text(frame, "FrameAcquisitionDateTime") for frame in _in_groups(header, "FrameContentSequence")
    ]
    for text in (*frames, *(_text(header, name) for name in DATES)):
        match = DATE.match(text)
        try:
            if match:
                return _date(match)
        except ValueError:  # from a device without a clock
            continue
    return ""


def _date(match: re.Match[str]) -> str:
    parts = [part for part in match.groups() if part]
    year, month, day = (*map(int, parts), *(1,) * (3 - len(parts)))
    moment = date(year, month, day)
    if not FIRST_YEAR <= year or moment > date.today() + timedelta(days=1):
        raise ValueError("not a date on which a picture can have been taken")
    return "-".join(parts)


def _in_groups(header: Any, name: str) -> Iterator[Any]:
    """The items of a sequence within the functional groups of multi-frame files (DICOM PS3.3, C.7.6.16)."""
    for groups in (SHARED, PER_FRAME):
        try:
            for group in dicom.sequence(header, groups):
                yield from dicom.sequence(group, name)
        except ImageError:
            continue


def _text(data: Any, name: str) -> str:
    """An element's first value as printable text, "" without it."""
    try:
        texts = [value for value in dicom.values(data, name) if isinstance(value, str)]
    except ImageError:
        return ""
    return "".join(letter for letter in (texts or [""])[0] if letter.isprintable()).strip()
