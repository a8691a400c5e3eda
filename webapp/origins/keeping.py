"""Keeping and finding the origin of what came as DICOM, as far as `RETINOTE_DICOM_ORIGIN` lets it be kept."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Q, TextChoices

from imaging.dicom.origin import Origin, origin_of
from webapp.audit.models import Action
from webapp.audit.recording import Actor, record
from webapp.origins.models import DicomOrigin
from webapp.scans.models import Scan


class Kept(TextChoices):
    """Whether patient, study and instances of a DICOM file are kept for what is sent back."""

    DROP = "drop", "They are not"
    KEEP = "keep", "They are, apart from all that is shown"


def kept_origin(header: Any) -> Origin | None:
    """The origin to keep of a picture by its DICOM header, which other files don't have; None where none is kept."""
    return None if header is None or settings.DICOM_ORIGIN != Kept.KEEP else origin_of(header)


def keep_origin(origin: Origin | None, scan: Scan, actor: Actor) -> None:
    """Keep the origin of a new scan, or of the volume that it is a B-scan of. For a transaction."""
    if origin is None or settings.DICOM_ORIGIN != Kept.KEEP:
        return
    kept = DicomOrigin.of(origin)
    kept.volume_id, kept.scan_id = scan.volume_id, None if scan.volume_id else scan.pk
    kept.save(force_insert=True)
    record(Action.SCAN_UPLOAD, actor, "dicom origin", scan_id=scan.pk, after=kept)


def replace_origin(origin: Origin | None, scan: Scan, actor: Actor) -> None:
    """Keep the origin of a volume that is more whole, or shows more, in place of the former. For a transaction."""
    kept = DicomOrigin.objects.filter(Q(volume=scan.volume_id) | Q(scan__in=list(scan.together())))
    for former in kept:
        record(Action.SCAN_UPLOAD, actor, "dicom origin", scan_id=scan.pk, before=former)
    kept.delete()
    keep_origin(origin, scan, actor)


def origin_kept_of(scan: Scan) -> Origin | None:
    """The origin of a scan, or of its volume, whose places are those of `Origin.sources`; None where none is kept."""
    found = (
        DicomOrigin.objects.filter(volume=scan.volume_id)
        if scan.volume_id
        else DicomOrigin.objects.filter(scan=scan.pk)
    ).first()
    return found.origin if found else None
