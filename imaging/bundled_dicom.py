"""DICOM files of one frame each that are a series together, and the photograph that their lines are drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom import uid

from imaging.dicom.elements import PER_FRAME, sequence, text, whole
from imaging.dicom.groups import FrameFacts, frame_facts
from imaging.dicom.origin import Origin, origin_of
from imaging.dicom_identity import Identity, identity
from imaging.errors import UnsupportedImage

PHOTOGRAPHS = (uid.OphthalmicPhotography8BitImageStorage, uid.OphthalmicPhotography16BitImageStorage)
ENFACE = uid.OphthalmicOpticalCoherenceTomographyEnFaceImageStorage
MAX_NUMBER = 2**31


@dataclass(frozen=True)
class Instance:
    """What a DICOM file of one frame says of its place among others. None of it is kept but the identity, and where that is wanted the origin."""

    is_enface: bool
    patient: tuple[str, str]
    study: str
    series: str
    instance: str
    number: int | None
    facts: FrameFacts
    identity: Identity
    origin: Origin | None


def instance_of(header: Any) -> Instance:
    """By the file's `dicom.header`. Raises ImageError."""
    group = next(iter(sequence(header, PER_FRAME)), None)
    return Instance(
        is_enface=text(header, "SOPClassUID") in (*PHOTOGRAPHS, ENFACE),
        patient=(text(header, "PatientID"), text(header, "IssuerOfPatientID")),
        study=text(header, "StudyInstanceUID"),
        series=text(header, "SeriesInstanceUID"),
        instance=text(header, "SOPInstanceUID"),
        number=whole(header, "InstanceNumber", least=0, most=MAX_NUMBER),
        facts=frame_facts(header, group),
        identity=identity(header),
        origin=origin_of(header),
    )


def check_one_series(instances: Sequence[Instance]) -> None:
    """Raise UnsupportedImage for B-scans of several patients or series."""
    if len({instance.patient for instance in instances}) > 1:
        raise UnsupportedImage("The DICOM files are of several patients. Send each patient's volume alone.")
    series = len({instance.series for instance in instances})
    if series > 1:
        raise UnsupportedImage(
            f"The DICOM files are of {series} series. Send each series, which is one volume, alone."
        )


def in_order(instances: Sequence[Instance]) -> list[int | None]:
    """The instances by their numbers, each once; None where one of a series of numbers without other holes is missing.

    As they come where numbers are missing or stand for several.
    """
    seen: set[str] = set()
    kept = []
    for place, instance in enumerate(instances):
        if instance.instance not in seen or not instance.instance:
            kept.append(place)
            seen.add(instance.instance)
    numbers = {instances[place].number: place for place in kept}
    if None in numbers or len(numbers) < len(kept):
        return list(kept)
    known = sorted(number for number in numbers if number is not None)
    if known[-1] - known[0] + 1 >= 2 * len(known):
        return [numbers[number] for number in known]
    return [numbers.get(number) for number in range(known[0], known[-1] + 1)]


def enface_of(candidates: Sequence[Instance], refers_to: str, whose: Identity) -> int | None:
    """Which of the candidates is the B-scans' en-face image: the one that they refer to, else the only one; or None.

    `whose` says the patient of the B-scans: another one's image is none of theirs.
    """
    theirs = [
        place
        for place, candidate in enumerate(candidates)
        if (candidate.identity.patient, candidate.identity.issuer) == (whose.patient, whose.issuer)
        and (not refers_to or candidate.instance == refers_to)
    ]
    return theirs[0] if len(theirs) == 1 else None
