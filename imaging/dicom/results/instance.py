"""What all objects that go back have in common: patient and study of their source, an equipment, and references to it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from imaging.dicom.origin import Origin, Source

MANUFACTURER = MODEL = "Retinote"
NO_SERIAL_NUMBER = "0"
"""Programs have none, and the equipment module of newer objects wants one."""
SIDES = {"OD": "R", "OS": "L"}
TYPE_2 = {
    "PatientName": "",
    "PatientID": "",
    "PatientBirthDate": "",
    "PatientSex": "",
    "StudyDate": "",
    "StudyTime": "",
    "ReferringPhysicianName": "",
    "StudyID": "",
    "AccessionNumber": "",
}
"""What has to be there, empty where the source does not have it."""
PRIVATE = "99RETINOTE"
"""The coding scheme of what no terminology has a code for; PS3.16, 8.2 keeps 99 for such."""

MAX_CODE = 16
"""Letters of a code (PS3.5, SH)."""


@dataclass(frozen=True)
class Coded:
    """A code of a terminology, with its words."""

    value: str
    scheme: str
    meaning: str

    @classmethod
    def own(cls, word: str, meaning: str = "") -> Coded:
        """A code of this program's own for a word; a digest of it where it is too long for a code."""
        plain = len(word) <= MAX_CODE and word.isascii() and word.isprintable() and "\\" not in word
        value = word if plain else hashlib.sha256(word.encode()).hexdigest()[:MAX_CODE]
        return cls(value, PRIVATE, meaning or word)

    def item(self) -> Dataset:
        """As an item of a sequence of codes."""
        return item(
            CodeValue=self.value, CodingSchemeDesignator=self.scheme, CodeMeaning=shortened(self.meaning)
        )


@dataclass(frozen=True)
class Result:
    """What an object goes back beside, and by which it is known.

    `identity` tells its source's results from those of all others; `key` is another one for other content: the same of
    both is the same instance.
    """

    origin: Origin
    identity: str
    key: str
    made: datetime
    """When what it says was last changed, in UTC."""
    software: str
    eye: str = ""
    """OD or OS."""
    modality: Coded | None = None
    """What kind of picture its source is."""
    region: Coded | None = None
    """The part of the body that it shows."""

    def uid(self, *parts: str) -> UID:
        """An identifier that is the same each time (PS3.5, B.2)."""
        return UID(f"2.25.{uuid5(NAMESPACE_OID, '/'.join((self.identity, *parts))).int}")


@dataclass(frozen=True)
class Written:
    """A finished object: its file, and what a later one has to name to replace it."""

    content: bytes
    kind: str
    instance: str
    series: str
    study: str


def item(**elements: Any) -> Dataset:
    """An item of a sequence."""
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def shortened(text: str, letters: int = 64) -> str:
    """A text as an element takes it: printable, without the backslash that separates values, not longer than that."""
    return "".join(one for one in text if one.isprintable()).replace("\\", "/").strip()[:letters]


def begun(result: Result, kind: UID, modality: str, number: int, name: str) -> FileDataset:
    """An object of its source's patient and study, in a series of its own for each modality."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = kind
    meta.MediaStorageSOPInstanceUID = result.uid(name, result.key)
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    _copy_modules(data, result.origin.modules)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    day, moment = result.made.strftime("%Y%m%d"), result.made.strftime("%H%M%S")
    data.InstanceCreationDate = data.ContentDate = data.SeriesDate = day
    data.InstanceCreationTime = data.ContentTime = data.SeriesTime = moment
    data.TimezoneOffsetFromUTC = "+0000"
    data.Modality = modality
    data.SeriesInstanceUID = result.uid(name)
    data.SeriesNumber, data.InstanceNumber = number, 1
    data.Manufacturer, data.ManufacturerModelName = MANUFACTURER, MODEL
    data.DeviceSerialNumber, data.SoftwareVersions = NO_SERIAL_NUMBER, shortened(result.software)
    return data


def _copy_modules(data: FileDataset, modules: Mapping[str, Any]) -> None:
    for name, empty in TYPE_2.items():
        setattr(data, name, empty)
    for element in Dataset.from_json(dict(modules)):
        data.add(element)


def sources_by_series(sources: Iterable[Source | None]) -> dict[str, dict[str, str]]:
    """Of each series the instances with their kinds, each once, in their order."""
    found: dict[str, dict[str, str]] = {}
    for source in sources:
        if source is not None:
            found.setdefault(source.series, {})[source.instance] = source.kind
    return found


def instance_item(kind: str, instance: str, frame: int = 0) -> Dataset:
    """A reference to an instance, or to a frame of it."""
    made = item(ReferencedSOPClassUID=kind, ReferencedSOPInstanceUID=instance)
    if frame:
        made.ReferencedFrameNumber = frame
    return made


def study_item(study: str, series: Mapping[str, Mapping[str, str]]) -> Dataset:
    """References to instances by study and series (PS3.3, C.17.2.1)."""
    return item(
        StudyInstanceUID=study,
        ReferencedSeriesSequence=[
            item(
                SeriesInstanceUID=uid,
                ReferencedSOPSequence=[instance_item(kind, instance) for instance, kind in instances.items()],
            )
            for uid, instances in series.items()
        ],
    )


def finished(data: FileDataset) -> Written:
    """The object as a file."""
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return Written(
        out.getvalue(),
        *(
            str(data[name].value)
            for name in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
        ),
    )
