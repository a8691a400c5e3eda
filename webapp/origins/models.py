"""Where scans that came as DICOM came from: patient and study as the file has them, and its instances.

Nothing shows these documents: no page, list, export or administration. They are read to write what goes back beside the
source (`webapp/results`), for those who may see patients.
"""

from __future__ import annotations

from dataclasses import asdict

from bson import ObjectId
from django.db import models

from imaging.dicom.origin import Origin, Source
from webapp.audit.hashing import audited
from webapp.audit.viewing import OfScan
from webapp.scans.models import Scan
from webapp.volumes.models import Volume


@audited("dicom origin")
class DicomOrigin(OfScan):
    """The origin of a scan, or of a volume with all its B-scans. It goes when they are deleted."""

    scan_id: ObjectId | None
    volume_id: ObjectId | None
    scan = models.OneToOneField(Scan, on_delete=models.CASCADE, null=True, related_name="origin")
    volume = models.OneToOneField(Volume, on_delete=models.CASCADE, null=True, related_name="origin")
    modules = models.JSONField(help_text="Patient and study, in DICOM's JSON.")
    sources = models.JSONField(
        help_text="For each B-scan its kind, instance, series and frame, or null for one that is missing."
    )
    columns = models.PositiveIntegerField(help_text="Of the frames, in pixels.")
    rows = models.PositiveIntegerField(help_text="Of the frames, in pixels.")

    class Meta:
        # A unique index is a partial one, which MongoDB doesn't search by.
        indexes = (
            models.Index(fields=["scan"], name="origin_of_scan"),
            models.Index(fields=["volume"], name="origin_of_volume"),
        )

    def __str__(self) -> str:
        return f"origin {self.pk}"

    @property
    def origin(self) -> Origin:
        """As the writers of DICOM take it."""
        sources = tuple(None if source is None else Source(**source) for source in self.sources)
        return Origin(self.modules, sources, self.columns, self.rows)

    @classmethod
    def of(cls, origin: Origin) -> DicomOrigin:
        """An unsaved document of an origin."""
        return cls(
            modules=origin.modules,
            sources=[None if source is None else asdict(source) for source in origin.sources],
            columns=origin.columns,
            rows=origin.rows,
        )
