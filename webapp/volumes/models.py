"""A volume: what its B-scans have in common. What people say of them stands with each, as with every scan."""

from __future__ import annotations

from django.db import models

from webapp.audit.hashing import audited
from webapp.core import clock
from webapp.core.modalities import BEFORE


@audited("volume", apart=("complete",), before={"modality": BEFORE})
class Volume(models.Model):
    """B-scans that were taken together; each is a scan that names its volume and its place there.

    Who may see it follows from its B-scans, which belong to somebody and to a clinic.
    """

    timestamp = models.DateTimeField(default=clock.now, help_text="Of the upload.")
    modality = models.CharField(max_length=40, default=BEFORE, help_text="That of its B-scans.")
    count = models.PositiveIntegerField(help_text="B-scans, those that are missing included.")
    gaps = models.JSONField(
        default=list, blank=True, help_text="B-scans that are missing: a place and a sentence for each."
    )
    micrometres_between = models.FloatField(
        null=True, blank=True, help_text="From a B-scan to the next, where the file says it."
    )
    places = models.JSONField(
        default=list,
        blank=True,
        help_text="For each B-scan its line on the en-face image, [x0, y0, x1, y1] in pixels of that, or null.",
    )
    pattern = models.CharField(max_length=8, blank=True, help_text="How the B-scans lie.")
    enface_name = models.CharField(max_length=80, blank=True, help_text="The en-face image's file.")
    enface_width = models.PositiveIntegerField(default=0, help_text="In pixels.")
    enface_height = models.PositiveIntegerField(default=0, help_text="In pixels.")

    eye_in_picture = models.CharField(
        max_length=2, blank=True, help_text="The eye that the en-face image suggests; empty when unsure."
    )

    complete = models.BooleanField(
        default=False,
        help_text="Whether nothing waits for the model server, and the B-scan that leads is chosen.",
    )

    class Meta:
        ordering = ("-timestamp",)
        indexes = (models.Index(fields=["complete", "timestamp"], name="incomplete_first"),)

    def __str__(self) -> str:
        return f"volume {self.pk}"
