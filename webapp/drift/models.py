"""The streams of scans that are watched for drift, and what was noticed."""

from __future__ import annotations

from bson import ObjectId
from django.conf import settings
from django.db import models

from webapp.audit.hashing import audited
from webapp.core import clock, modalities
from webapp.core.normal_form import NormalCharField


class Against(models.TextChoices):
    """What the scans differ from."""

    BEFORE = "before", "Earlier scans of the same clinic and device"
    HOME = "home", "The scans that the model was made with"


class DriftStream(models.Model):
    """The scans of a clinic and device that a model answers, with the earlier ones that new ones are compared with.

    Other weights, and another local calibration, are another stream: their answers differ without any drift.
    """

    clinic = NormalCharField(max_length=80, blank=True)
    device = models.CharField(max_length=80, blank=True)
    model_name = models.CharField("model", max_length=80)
    model_version = models.CharField("version", max_length=80)
    weights_sha256 = models.CharField("weights", max_length=64)
    calibration = models.CharField("local calibration", max_length=200, blank=True)

    newest = models.DateTimeField(default=clock.now, help_text="Of its scans.")
    seen_until = models.DateTimeField(
        help_text="The upload of the last scan that was compared or kept as earlier."
    )
    seen_last = models.CharField(max_length=24, blank=True, help_text="That scan.")
    waiting = models.PositiveIntegerField(
        default=0, help_text="Scans for the next comparison, one of each patient."
    )

    earlier = models.JSONField(
        default=dict, help_text="The values of the earlier scans, as webapp/drift/samples.py has them."
    )
    earlier_scans = models.PositiveIntegerField(default=0)
    earlier_from = models.DateTimeField(null=True)
    earlier_until = models.DateTimeField(null=True)

    day = models.CharField(max_length=10, blank=True, help_text="Of the last comparison, in UTC.")
    tests_of_day = models.PositiveIntegerField(default=0)
    tests = models.PositiveIntegerField(default=0, help_text="Comparisons in all.")
    last_at = models.DateTimeField(null=True, help_text="Of the last comparison.")
    last = models.JSONField(
        default=dict, help_text="The scans of the last comparison, and in what they differ."
    )
    has_home = models.BooleanField(
        default=False, help_text="Whether the model's card has reference statistics to compare with."
    )
    home_accepted_at = models.DateTimeField(
        null=True, help_text="Since when its difference from the model's home scans is known and accepted."
    )

    class Meta:
        ordering = ("clinic", "device", "-newest")
        constraints = (
            models.UniqueConstraint(
                fields=["clinic", "device", "weights_sha256", "calibration"], name="one_stream_of_each"
            ),
        )

    def __str__(self) -> str:
        where = f"{self.clinic or 'no clinic'}, {self.device or 'device not known'}"
        found = modalities.of_model(self.model_name)
        return where if found in (None, modalities.default()) else f"{where} ({found.title})"


class AlarmQuerySet(models.QuerySet["DriftAlarm"]):
    """Where queries for alarms start."""

    def live(self) -> AlarmQuerySet:
        """Those whose difference has not ended."""
        return self.filter(live=True)

    def unseen(self) -> AlarmQuerySet:
        """The live ones that nobody has acknowledged."""
        return self.live().filter(acknowledged_at=None)


@audited("drift", apart=("scans", "last_at", "calm", "now_differs"))
class DriftAlarm(models.Model):
    """A difference that was noticed. While it lasts there is no second one of the same kind in the stream."""

    stream_id: ObjectId
    stream = models.ForeignKey(DriftStream, on_delete=models.PROTECT, related_name="alarms")
    against = models.CharField(max_length=6, choices=Against.choices)
    since = models.DateTimeField(help_text="The upload of the first of the scans in which it was noticed.")
    noticed_at = models.DateTimeField(default=clock.now)
    differs = models.JSONField(default=list, help_text="In what, when it was noticed.")
    now_differs = models.JSONField(default=list, help_text="In what, at the last comparison.")
    scans = models.PositiveIntegerField(default=0, help_text="Compared since then, one of each patient.")
    last_at = models.DateTimeField(default=clock.now, help_text="When it was last there.")
    calm = models.PositiveIntegerField(default=0, help_text="Comparisons in a row without it.")
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by_id: ObjectId | None
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    accepted = models.BooleanField(
        default=False, help_text="Whether what is new is the measure from then on."
    )
    live = models.BooleanField(default=True, help_text="Whether it still lasts.")
    ended_at = models.DateTimeField(null=True)

    objects = AlarmQuerySet.as_manager()

    class Meta:
        ordering = ("-noticed_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["stream", "against"], condition=models.Q(live=True), name="one_live_alarm"
            ),
        )

    def __str__(self) -> str:
        return f"{self.stream}: differs from {'earlier scans' if self.against == Against.BEFORE else 'home'}"
