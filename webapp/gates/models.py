"""What the replay of a version found: scans whose urgency it would change; and why versions answer without a gate."""

from __future__ import annotations

from bson import ObjectId
from django.db import models

from webapp.audit.models import AppendOnlyQuerySet
from webapp.audit.viewing import OfScan
from webapp.core import clock
from webapp.scans.models import Scan


class Direction(models.TextChoices):
    """Which way the urgency of a scan would go."""

    LOWERED = "lowered", "Less urgent"
    RAISED = "raised", "More urgent"
    OTHER = "other", "As urgent, but another step"


class ChangedTier(OfScan):
    """A stored scan for which another version would recommend a step of another urgency than the model's answer does.

    The next replay of the same version replaces them.
    """

    scan_id: ObjectId
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="changed_tiers")
    model_name = models.CharField(max_length=80)
    model_version = models.CharField("version", max_length=80, help_text="The version that would answer.")
    weights_sha256 = models.CharField(max_length=64)
    direction = models.CharField(max_length=7, choices=Direction.choices)
    before = models.CharField(max_length=200, help_text="The urgency by the stored answer.")
    after = models.CharField(max_length=200, help_text="The urgency by the version's answer.")
    rank_after = models.IntegerField(help_text="Higher is more urgent.")
    label_before = models.CharField(max_length=80, blank=True)
    label_after = models.CharField(max_length=80, blank=True)
    made_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-rank_after", "-made_at")
        verbose_name = "changed tier"
        indexes = (models.Index(fields=["model_name", "model_version", "direction"], name="of_version"),)

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class Override(models.Model):
    """Why a model version was promoted without a passed gate, in the words of whoever did it.

    The audit's record of it has the hash of the reason.
    """

    time = models.DateTimeField()
    actor = models.CharField(max_length=80)
    model = models.CharField(max_length=170, db_index=True, help_text="Name and version.")
    weights_sha256 = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ("-time",)

    def __str__(self) -> str:
        return f"{self.model}: {self.reason}"
