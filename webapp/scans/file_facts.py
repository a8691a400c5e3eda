"""The facts of a file beside its pixels, as far as `RETINOTE_FILE_IDENTITY` lets them be kept."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import TextChoices

from imaging.dicom_identity import Identity, identity
from webapp.accounts.pseudonyms import pseudonym
from webapp.scans.owner import Owner
from webapp.scans.scale import pixel_size

MONTH = len("2024-03")


class Kept(TextChoices):
    """What is kept of a DICOM file's eye, patient number, date and device."""

    DROP = "drop", "None of it is kept"
    PSEUDONYMISE = "pseudonymise", "The eye, the device, a pseudonym of the number, the month"
    KEEP = "keep", "All as they are"


def said_in(header: Any) -> Identity:
    """What a file says of itself; nothing for one without a `header` of DICOM (`Examined.dicom_header`)."""
    return Identity() if header is None else identity(header)


def file_facts(header: Any, said: Identity, owner: Owner) -> dict[str, Any]:
    """The facts to keep of an uploaded file, by the names of a scan's fields; what it does not say is left out.

    `header` is that of a DICOM file (`Examined.dicom_header`), which has `said` what it says; None for other files, which
    have no facts. The facts are a pixel's width and height in micrometres, and, by the setting, the eye, the patient, the date and the device. A
    patient's pseudonym is the same for all files in the uploader's clinic, and different in every other clinic.
    """
    return {} if header is None else kept_facts(said, pixel_size(header), owner)


def kept_facts(said: Identity, size: tuple[float, float] | None, owner: Owner) -> dict[str, Any]:
    """What to keep of what a file says of whose eye it shows, and of a pixel's width and height; see `file_facts`."""
    facts: dict[str, Any] = {} if size is None else {"micrometres_x": size[0], "micrometres_y": size[1]}
    kept = settings.FILE_IDENTITY
    if kept == Kept.DROP:
        return facts
    patient, acquired = said.patient, said.acquired
    if kept == Kept.PSEUDONYMISE:
        whose = f"{owner.circle}/{said.issuer}/{patient}"
        patient, acquired = patient and pseudonym("patient", f"of a file {whose}"), acquired[:MONTH]
    facts |= {
        "eye": said.eye,
        "eye_in_file": said.eye,
        "patient_ref": patient,
        "acquired": acquired,
        "device": said.device,
    }
    return {name: value for name, value in facts.items() if value}
