"""What a challenger in shadow says of scans. Nobody who reads is shown it."""

from __future__ import annotations

from bson import ObjectId
from django.db import models

from webapp.audit.hashing import audited
from webapp.audit.viewing import OfScan
from webapp.core import clock
from webapp.recommendations.answers import State
from webapp.scans.models import Scan
from webapp.versions.models import Rollout


@audited("shadow answer")
class ShadowAnswer(OfScan):
    """A challenger's answer to a scan, beside the one that was given. Only sums of them are ever shown.

    It has no pictures, and is no `Prediction`: lists, exports, reports and the API know of none.
    """

    scan_id: ObjectId
    rollout_id: ObjectId
    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="answers", db_index=False)
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=clock.now)
    failure = models.CharField(max_length=80, blank=True, help_text="The code of why there is no answer.")
    weights_sha256 = models.CharField(max_length=64, blank=True, help_text="The challenger's.")
    label = models.CharField(max_length=80, blank=True)
    confidence = models.FloatField(null=True)
    probabilities = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, blank=True)
    because = models.CharField(max_length=80, blank=True)
    urgency = models.CharField(max_length=200, blank=True, help_text="The tier that follows from it.")

    given_sha256 = models.CharField(max_length=64, blank=True, help_text="The weights of what was given.")
    given_label = models.CharField(max_length=80, blank=True)
    given_confidence = models.FloatField(null=True)
    given_state = models.CharField(max_length=12, choices=State.choices, blank=True)
    given_urgency = models.CharField(max_length=200, blank=True)

    agrees = models.BooleanField(default=False, help_text="Whether state and label are the same.")
    same_tier = models.BooleanField(default=False, help_text="Whether the urgency is the same.")
    ms = models.FloatField(null=True, help_text="Until the challenger's answer came.")
    given_ms = models.FloatField(
        null=True, help_text="Until the champion's came, asked right after it; of one scan in five."
    )

    class Meta:
        constraints = (models.UniqueConstraint(fields=["rollout", "scan"], name="one_shadow_answer"),)
        indexes = (
            models.Index(fields=["rollout", "scan"], name="shadow_of_scan"),
            models.Index(fields=["rollout", "agrees"], name="shadow_disagrees"),
            models.Index(fields=["weights_sha256"], name="shadow_of_weights"),
        )

    def __str__(self) -> str:
        return f"shadow answer {self.pk}"
