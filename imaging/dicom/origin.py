"""What of a DICOM file has to be known to send something back that a PACS files beside it: whose it is, and which instances.

It is apart from all that is shown (`imaging/dicom_identity.py`): names, numbers and dates are as the file has them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydicom.dataset import Dataset

from imaging.dicom.elements import UNREADABLE, text, values, whole
from imaging.errors import ImageError

PATIENT = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
)
"""Of the patient module (PS3.3, C.7.1.1), those that a PACS compares."""
STUDY = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "StudyDescription",
)
"""Of the study module (C.7.2.1)."""
SERIES = ("Modality",)
"""Of the series (C.7.3.1): what goes back has a series of its own."""
PATIENT_NUMBER = "00100020"
MAX_TEXT_BYTES = 1024
"""Of an element that is kept; names of people have up to 3 × 64 letters."""
UID_TEXT = re.compile(r"[0-9]+(\.[0-9]+)+")
MAX_UID_LETTERS = 64
"""By the standard (PS3.5, UI)."""


@dataclass(frozen=True)
class Source:
    """The instance that a picture came from, and which of its frames it is, from 1 on; 0 in a file of one picture."""

    kind: str
    """The UID of its SOP class."""
    instance: str
    series: str
    frame: int = 0


@dataclass(frozen=True)
class Origin:
    """Where a picture or a volume came from. `sources` has one for each B-scan, None for one that is missing."""

    modules: dict[str, Any]
    """The elements of PATIENT, STUDY and SERIES that the file has, in the JSON of PS3.18, F."""
    sources: tuple[Source | None, ...]
    columns: int
    rows: int
    """Of the frames, in pixels."""

    @property
    def study(self) -> str:
        """The UID of the study."""
        return str(self.modules["0020000D"]["Value"][0])

    @property
    def modality(self) -> str:
        """DICOM's code of the modality; "" of one that was kept by an earlier version."""
        return str((self.modules.get("00080060", {}).get("Value") or [""])[0])

    def of_frames(self, frames: Sequence[int | None]) -> Origin:
        """The origin of a volume of one file: `frames` has each B-scan's, from 0 on, None for one that is missing."""
        first = self.sources[0]
        assert first is not None
        return replace(
            self,
            sources=tuple(None if frame is None else replace(first, frame=frame + 1) for frame in frames),
        )


def origin_of(header: Any) -> Origin | None:
    """By a file's header, as one of one picture; None where an identifier is missing or is none."""
    try:
        kind, instance, series, study = (
            text(header, name)
            for name in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
        )
        columns, rows = whole(header, "Columns"), whole(header, "Rows")
        if columns is None or rows is None or not all(map(is_uid, (kind, instance, series, study))):
            return None
        return Origin(_modules(header), (Source(kind, instance, series),), columns, rows)
    except ImageError:
        return None


def is_uid(uid: str) -> bool:
    """Whether a text is an identifier as DICOM has them (PS3.5, 9.1)."""
    return len(uid) <= MAX_UID_LETTERS and bool(UID_TEXT.fullmatch(uid))


def joined(origins: Sequence[Origin | None]) -> Origin | None:
    """The origin of a volume of several files by those of each, None for a B-scan without; None without any, and for several
    patients or studies.
    """
    known = [origin for origin in origins if origin is not None]
    if len({(origin.study, str(origin.modules.get(PATIENT_NUMBER))) for origin in known}) != 1:
        return None
    sources = tuple(None if origin is None else origin.sources[0] for origin in origins)
    return replace(known[0], sources=sources)


def _modules(header: Any) -> dict[str, Any]:
    kept = Dataset()
    for name in (*PATIENT, *STUDY, *SERIES):
        several = [value for value in values(header, name) if len(str(value).encode()) <= MAX_TEXT_BYTES]
        if len(several) != 1:
            continue
        try:
            setattr(kept, name, str(several[0]).strip(" \0"))
        except UNREADABLE:
            continue
    made: dict[str, Any] = kept.to_json_dict(suppress_invalid_tags=True)
    return made
