"""DICOM files of one frame each that are a series together, and the photograph that their lines are drawn on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom import uid

from imaging.dicom.elements import PER_FRAME, sequence, text, whole
from imaging.dicom.file import header, inflated
from imaging.dicom.groups import FrameFacts, frame_facts
from imaging.dicom.origin import Origin, origin_of
from imaging.dicom.volume import FIRST_BYTES, NO_BSCANS, first_elements
from imaging.dicom_identity import Identity, identity
from imaging.errors import ImageError, UnsupportedImage

PHOTOGRAPHS = (uid.OphthalmicPhotography8BitImageStorage, uid.OphthalmicPhotography16BitImageStorage)
ENFACE = uid.OphthalmicOpticalCoherenceTomographyEnFaceImageStorage
MAX_NUMBER = 2**31
IMAGE = "Image"
"""A word in the names of nearly all kinds of files that hold one, and of none that holds a report, document or directory."""
LAST_OF_PLACE = 0x0020FFFF
"""The last element that may say an instance's place. Elements lie in ascending order."""


@dataclass(frozen=True)
class Instance:
    """What a DICOM file of one frame says of its place among others. None of it is kept but the identity, and where that is wanted the origin."""

    is_enface: bool
    is_bscan: bool
    """Whether it may be one: not by its looks, but because its kind is none that shows something else."""
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
    kind = text(header, "SOPClassUID")
    return Instance(
        is_enface=kind in (*PHOTOGRAPHS, ENFACE),
        is_bscan=kind not in NO_BSCANS,
        patient=(text(header, "PatientID"), text(header, "IssuerOfPatientID")),
        study=text(header, "StudyInstanceUID"),
        series=text(header, "SeriesInstanceUID"),
        instance=text(header, "SOPInstanceUID"),
        number=whole(header, "InstanceNumber", least=0, most=MAX_NUMBER),
        facts=frame_facts(header, group),
        identity=identity(header),
        origin=origin_of(header),
    )


def unread_instance(content: bytes) -> Instance | None:
    """What a file whose picture can't be read says of its place; None where it ends too early to say it, or is damaged there."""
    try:
        data = header(inflated(content, FIRST_BYTES))
        found = instance_of(data)
    except ImageError:
        return None
    # Of a file that ends within these elements, the last may be cut: another series, another number.
    is_all_there = max(data.keys(), default=0) > LAST_OF_PLACE
    return found if is_all_there and found.series else None


def is_of_image(content: bytes) -> bool:
    """Whether a file holds an image or is of a kind that does, unlike reports, documents and directories (DICOMDIR).

    True for one that is too damaged to tell.
    """
    try:
        data = first_elements(content)
        kind = text(data, "SOPClassUID") or text(data.file_meta, "MediaStorageSOPClassUID")
    except ImageError:
        return True
    return "Rows" in data and "Columns" in data or not kind or IMAGE in uid.UID(kind).name


def check_one_series(instances: Sequence[Instance]) -> None:
    """Raise UnsupportedImage for B-scans of several patients or series."""
    if len({instance.patient for instance in instances}) > 1:
        raise UnsupportedImage("The DICOM files are of several patients. Send each patient's volume alone.")
    series = len({instance.series for instance in instances})
    if series > 1:
        raise UnsupportedImage(
            f"The DICOM files are of {series} series. Send each series, which is one volume, alone."
        )


def in_order(instances: Sequence[Instance | None], unread: Collection[int] = ()) -> list[int | None]:
    """The instances by their numbers, each once; None where one of a series of numbers without other holes is missing.

    As they come where numbers are missing or stand for several. The `unread` are the places of those whose picture can't
    be read, which change the order of no others: they lie at their own numbers, and what can't be told so fills holes or
    comes last. Of no others may an instance be None.
    """
    kept = _each_once(instances, unread)
    whole = [place for place in kept if place not in unread]
    numbers = {_number(instances[place]): place for place in whole}
    if None in numbers or len(numbers) < len(whole):
        return list(kept)
    elsewhere = []
    for place in kept:
        if place in unread and numbers.setdefault(_number(instances[place]), place) != place:
            elsewhere.append(place)
    nowhere = numbers.pop(None, None)
    elsewhere += [] if nowhere is None else [nowhere]
    known = sorted(number for number in numbers if number is not None)
    is_dense = known[-1] - known[0] + 1 < 2 * len(known)
    ordered = [numbers.get(number) for number in (range(known[0], known[-1] + 1) if is_dense else known)]
    rest = iter(sorted(elsewhere))
    return [next(rest, None) if place is None else place for place in ordered] + list(rest)


def _each_once(instances: Sequence[Instance | None], unread: Collection[int]) -> list[int]:
    """The places of the instances without what is there twice; of these, one that can be read stays."""
    seen: set[str] = set()
    kept = []
    for place in sorted(range(len(instances)), key=lambda place: place in unread):
        instance = instances[place]
        if instance is None or not instance.instance or instance.instance not in seen:
            kept.append(place)
            seen.add("" if instance is None else instance.instance)
    return sorted(kept)


def _number(instance: Instance | None) -> int | None:
    return None if instance is None else instance.number


def enface_of(candidates: Sequence[Instance], refers_to: str, whose: Identity) -> int | None:
    """Which of the candidates is the B-scans' en-face image: the one that they refer to, else the only one; or None.

    `whose` says the patient and the eye of the B-scans: another one's image is none of theirs.
    """
    theirs = [
        place
        for place, candidate in enumerate(candidates)
        if (candidate.identity.patient, candidate.identity.issuer) == (whose.patient, whose.issuer)
        and (not refers_to or candidate.instance == refers_to)
        and (not whose.eye or candidate.identity.eye in ("", whose.eye))
    ]
    return theirs[0] if len(theirs) == 1 else None
