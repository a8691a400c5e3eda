"""Asks a modality worklist (C-FIND) whose eye a study shows, where the instances themselves don't say it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from pydicom.dataset import Dataset

from imaging.dicom.elements import sequence
from imaging.dicom_identity import Identity, identity
from imaging.errors import ImageError

log = logging.getLogger(__name__)

TIMEOUT_S = 5
MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"
"""The SOP class Modality Worklist Information Model – FIND."""
MOST_ANSWERS = 20
PENDING = (0xFF00, 0xFF01)
STEPS = "ScheduledProcedureStepSequence"


@dataclass(frozen=True)
class Worklist:
    """Where a worklist is asked."""

    ae_title: str
    host: str
    port: int


def worklist_at(address: str) -> Worklist | None:
    """The worklist of an address such as RIS@10.0.4.5:104; None for no address. Raises ValueError."""
    if not address:
        return None
    title, _, place = address.partition("@")
    host, _, port = place.rpartition(":")
    if not (title and host and port.isascii() and port.isdecimal() and 0 < int(port) < 2**16):
        raise ValueError("AE@HOST:PORT")
    return Worklist(title, host.strip("[]"), int(port))


def with_worklist(said: Identity, study: str, has_eye: bool = True) -> Identity:
    """What instances say, and where they leave patient or eye open what the worklist says of their study.

    It isn't asked for the eye alone of pictures that have none.

    A worklist that does not answer, or answers in several ways, fills nothing.
    """
    asked = worklist_at(settings.DICOM_WORKLIST)
    if asked is None or (said.patient and (said.eye or not has_eye)) or not study:
        return said
    try:
        answers = {_identity(answer) for answer in _find(asked, study)}
    except (OSError, RuntimeError, ValueError, TypeError, AttributeError, KeyError, ImageError) as error:
        log.warning("The worklist can't be asked: %s", type(error).__name__)
        return said
    if len(answers) != 1:
        log.info("The worklist has %d answers", len(answers))
        return said
    (answer,) = answers
    if said.patient and answer.patient and said.patient != answer.patient:
        return said
    return replace(
        said,
        eye=said.eye or answer.eye,
        patient=said.patient or answer.patient,
        issuer=said.issuer if said.patient else answer.issuer,
    )


def _find(asked: Worklist, study: str) -> list[Dataset]:
    from pynetdicom import AE

    from imaging.dicom.associating import associate

    wanted, step = Dataset(), Dataset()
    wanted.StudyInstanceUID = study
    wanted.PatientID = wanted.IssuerOfPatientID = wanted.Laterality = ""
    step.Laterality = ""
    wanted.ScheduledProcedureStepSequence = [step]
    entity = AE(ae_title=settings.DICOM_AE_TITLE)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = (
        TIMEOUT_S
    )
    entity.add_requested_context(MODALITY_WORKLIST)
    association = associate(entity, asked.host, asked.port, ae_title=asked.ae_title)
    if not association.is_established:
        log.warning("The worklist lets nobody in")
        return []
    found: list[Dataset] = []
    try:
        for status, answer in association.send_c_find(wanted, MODALITY_WORKLIST):
            if status.get("Status") in PENDING and answer is not None and len(found) < MOST_ANSWERS:
                # One that does not match by study sends all that it has.
                found += [answer] if answer.get("StudyInstanceUID", "") == study else []
    finally:
        association.release()
    return found


def _identity(answer: Any) -> Identity:
    said = identity(answer)
    eyes = {said.eye, *(identity(step).eye for step in sequence(answer, STEPS))} - {""}
    return Identity(eye=eyes.pop() if len(eyes) == 1 else "", patient=said.patient, issuer=said.issuer)
