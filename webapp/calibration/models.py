"""The local calibrations of this installation, each with what was fitted and on what."""

from __future__ import annotations

from bson import ObjectId
from django.conf import settings
from django.db import models

from webapp.audit.hashing import audited
from webapp.core import clock
from webapp.versions.defaults import last_decision


class CalibrationProfileQuerySet(models.QuerySet["CalibrationProfile"]):
    """Where queries for profiles start."""

    def in_use(self, model_name: str) -> CalibrationProfile | None:
        """The profile that the model's answers follow: the newest for the weights that answer. None: the model's card."""
        newest = self.filter(model_name=model_name).order_by("-made_at", "-pk").first()
        if newest is None:
            return None
        # A calibration is for the weights that answered by default then; the audit knows what was decided since.
        weights, decided = newest.weights_sha256, last_decision(model_name)
        if decided and decided.time > newest.made_at:
            weights = decided.weights_sha256
        return self.of_weights(model_name, weights)

    def of_weights(self, model_name: str, weights_sha256: str) -> CalibrationProfile | None:
        """The newest profile for these weights that was not taken back; None without one."""
        fitting = self.filter(model_name=model_name, weights_sha256=weights_sha256, undone_at=None)
        return fitting.order_by("-made_at", "-pk").first()


@audited("calibration")
class CalibrationProfile(models.Model):
    """A calibration. It is never changed but may be taken back; the one before it for its weights then is in use again."""

    name = models.CharField(
        max_length=40, unique=True, help_text="The day and a number; each prediction names it."
    )
    model_name = models.CharField("model", max_length=80)
    model_version = models.CharField("version", max_length=80)
    weights_sha256 = models.CharField("weights", max_length=64)
    temperature = models.FloatField(help_text="Divides the logits in place of the card's.")
    known_from = models.FloatField(
        null=True,
        help_text="The familiarity from which on a picture is known; null: the model has no statistics.",
    )
    least = models.JSONField(
        default=dict,
        help_text="By label, the probability below which it is ruled out; empty without statistics.",
    )
    least_by = models.JSONField(
        default=dict, help_text="By label, whose scans that comes from: own, shared, all, or card."
    )
    scans = models.PositiveIntegerField(help_text="On how many it was fitted.")
    patients = models.PositiveIntegerField(help_text="Of how many.")
    labels = models.JSONField(default=dict, help_text="Scans by their verified label.")
    left_out = models.JSONField(default=list, help_text="What was left out, and why, as sentences.")
    before = models.JSONField(
        default=dict,
        help_text="Metrics of these scans as they were answered before it (webapp/calibration/measuring.py).",
    )
    after = models.JSONField(
        default=dict,
        help_text="The same metrics, each scan left out of the calibration that it was answered with.",
    )
    made_at = models.DateTimeField(default=clock.now)
    made_by_id: ObjectId | None
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        help_text="Nobody: on the command line; the audit names who.",
    )
    undone_at = models.DateTimeField(null=True)
    undone_by_id: ObjectId | None
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )

    objects = CalibrationProfileQuerySet.as_manager()

    class Meta:
        ordering = ("-made_at",)
        verbose_name = "local calibration"
        indexes = (models.Index(fields=["model_name", "-made_at"], name="calibration_of_model"),)

    def __str__(self) -> str:
        return self.name
