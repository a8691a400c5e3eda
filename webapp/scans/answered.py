"""The fields of a model's answer, the same in each prediction and in the scan, which holds the newest one."""

from __future__ import annotations

from django.db import models

from webapp.recommendations.answers import Answer, State
from webapp.recommendations.doubt import doubts_of
from webapp.versions.withdrawals import is_withdrawn


class Answered(models.Model):
    """The fields of an answer, by the names that `ModelAnswer` has. In a scan without a prediction they are empty.

    In documents of earlier versions, later fields are missing or empty.
    """

    label = models.CharField(max_length=80, blank=True, help_text="The most probable one.")
    confidence = models.FloatField(null=True, blank=True, help_text="Its probability, 0 to 1.")
    probabilities = models.JSONField(default=dict, blank=True, help_text="0 to 1, by label.")
    regions = models.JSONField(default=list, blank=True, help_text="Where the heat map is hot.")
    gradcam_label = models.CharField(max_length=80, blank=True, help_text="What the heat map explains.")
    caveats = models.JSONField(default=list, blank=True, help_text="Of the model's card, on its labels.")
    quality = models.JSONField(
        default=dict, blank=True, help_text="Whether the picture can be judged, and why not."
    )
    recommendation = models.JSONField(null=True, blank=True, help_text="The next step by this answer alone.")
    model_name = models.CharField(max_length=80, blank=True)
    model_version = models.CharField(max_length=80, blank=True)
    weights_sha256 = models.CharField(max_length=64, blank=True)
    # Version 0.1 stored overlays. It may run beside this version and look for a file of this name: the heat map's.
    overlay_name = models.CharField(
        max_length=80,
        blank=True,
        help_text="The stored overlay, or the heat map where it is drawn when asked for.",
    )
    heatmap_name = models.CharField(max_length=80, blank=True)
    predicted_at = models.DateTimeField(null=True, blank=True)
    familiarity = models.FloatField(
        null=True, blank=True, help_text="Share of the scans it learnt from that are stranger, 0 to 1."
    )
    known = models.BooleanField(
        null=True, blank=True, help_text="Whether the picture looks like those the model learnt from."
    )
    prediction_set = models.JSONField(
        null=True, blank=True, help_text="Labels that can't be ruled out, most probable first."
    )
    state = models.CharField(max_length=12, choices=State.choices, blank=True)
    because = models.CharField(max_length=80, blank=True, help_text="The code of the reason for the state.")
    group = models.CharField(
        max_length=200, blank=True, help_text="What the labels of the set have in common."
    )
    nearest = models.JSONField(
        default=list, blank=True, help_text="Simulated scans that it is like, in words."
    )
    calibration = models.CharField(max_length=200, blank=True, help_text="The local profile, by its name.")
    findings = models.JSONField(
        null=True,
        blank=True,
        help_text="What the model thinks it sees: the kinds that it looks for, and regions. Null where it has no map of them.",
    )
    findings_name = models.CharField(max_length=80, blank=True, help_text="The map of the findings.")

    class Meta:
        abstract = True

    @property
    def answer(self) -> Answer:
        """How far the model has answered, and with what."""
        return Answer(
            self.label or "",
            self.state or "",
            self.because or "",
            tuple(self.prediction_set or ()),
            self.group or "",
        )

    @property
    def is_withdrawn(self) -> bool:
        """Whether it is of a version that was withdrawn after it had answered."""
        return is_withdrawn(self.weights_sha256)

    @property
    def doubts(self) -> list[str]:
        """Why the picture is doubtful, as sentences; none where it is not, or has no prediction."""
        return doubts_of(self.quality)

    @property
    def pictures(self) -> list[str]:
        """The names of the stored pictures that came with the answer."""
        return [name for name in (getattr(self, field) for field in ADDED_PICTURES) if name]

    @property
    def stored_overlay(self) -> str:
        """The name of the overlay that an earlier version stored; "" where it is drawn on demand."""
        return "" if self.overlay_name == self.heatmap_name else self.overlay_name


ADDED_PICTURES = ("heatmap_name", "findings_name")
"""The fields that name the pictures of an answer: first the heat map, which every answer has."""
PREDICTION_FIELDS = tuple(field.name for field in Answered._meta.local_fields)
"""The names of all fields of an answer."""
