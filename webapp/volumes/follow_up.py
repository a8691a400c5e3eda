"""The line of time of a patient's eye, or of what else a modality shows of a patient: scans and volumes by their days, as far as somebody may see them."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.accounts.models import User
from webapp.core import modalities
from webapp.core.modalities import BEFORE
from webapp.scans.models import Scan

MOST = 200
"""Scans and volumes on one line of time: those that were uploaded last."""
NEEDED = ("patient_ref", "eye")
"""What has to be known of a scan to find others of the same eye; of a modality without eyes, the reference alone."""


@dataclass(frozen=True)
class FollowUp:
    """Scans of one patient or eye, the earliest first; of a volume the picture that stands for it."""

    missing: tuple[str, ...]
    """Fields of the scan that are empty, so that nothing can be found."""
    more: bool
    """Whether there are more than MOST."""
    scans: tuple[Scan, ...] = ()


def follow_up(scan: Scan, user: User) -> FollowUp:
    """The line of time on which a scan lies, for a user who may see it and its patient.

    A reference is the clinic's own words: the same words in another clinic, or of another account without a clinic, are
    another patient.
    """
    has_eye = modalities.of_scan(scan.modality).eye
    missing = tuple(name for name in NEEDED if not getattr(scan, name) and (name != "eye" or has_eye))
    if missing:
        return FollowUp(missing, False)
    same = Scan.objects.visible_to(user).leading_for(user)
    same = same.filter(patient_ref=scan.patient_ref, eye=scan.eye, clinic=scan.clinic)
    same = same.of_modality(scan.modality or BEFORE) if len(modalities.profiles()) > 1 else same
    if not scan.clinic:
        same = same.filter(user=scan.user_id)
    found = list(same.order_by("-timestamp", "-id")[: MOST + 1])
    return FollowUp((), len(found) > MOST, tuple(sorted(found[:MOST], key=_moment)))


def _moment(scan: Scan) -> tuple[str, float]:
    """By the day on which it was taken, or else uploaded; a month stands before its days, a year before its months."""
    return scan.acquired or f"{scan.timestamp:%Y-%m-%d}", scan.timestamp.timestamp()
