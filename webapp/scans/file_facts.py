"""What a file says beside its pixels, as far as `RETINOTE_FILE_IDENTITY` lets it be kept."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import TextChoices

from imaging.dicom_identity import Identity, identity
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import pseudonym
from webapp.scans.scale import pixel_size

MONTH = len("2024-03")


class Kept(TextChoices):
    """What becomes of the eye, the patient's number and the day that a DICOM file names, and of its device."""

    DROP = "drop", "None of it is kept"
    PSEUDONYMISE = "pseudonymise", "The eye, the device, a pseudonym of the number, the month"
    KEEP = "keep", "All as they are"


def file_facts(header: Any, user: User) -> dict[str, Any]:
    """What to keep of an uploaded file's own facts, by the names of a scan's fields; what it doesn't say is left out.

    `header` is a DICOM file's (`Examined.dicom_header`), None for other files: those say nothing.
    A pixel's width and height in micrometres; by the setting the eye, the patient, when the picture was taken and by
    what.
    A pseudonym is the same for all files of a patient in the uploader's clinic, and means nothing in another one.
    """
    return {} if header is None else kept_facts(identity(header), pixel_size(header), user)


def kept_facts(said: Identity, size: tuple[float, float] | None, user: User) -> dict[str, Any]:
    """What to keep of what a file says of whose eye it shows, and of a pixel's width and height; see `file_facts`."""
    facts: dict[str, Any] = {} if size is None else {"micrometres_x": size[0], "micrometres_y": size[1]}
    kept = settings.FILE_IDENTITY
    if kept == Kept.DROP:
        return facts
    patient, acquired = said.patient, said.acquired
    if kept == Kept.PSEUDONYMISE:
        whose = f"{user.clinic or user.pk}/{said.issuer}/{patient}"
        patient, acquired = patient and pseudonym("patient", f"of a file {whose}"), acquired[:MONTH]
    facts |= {"eye": said.eye, "patient_ref": patient, "acquired": acquired, "device": said.device}
    return {name: value for name, value in facts.items() if value}
