"""What an answer of the model says of its own limits: how far it goes, and why no further."""

from __future__ import annotations

from django.db import models

from webapp.recommendations.answers import Answer, State

LIMITS = ("familiarity", "known", "prediction_set", "state", "because", "group", "nearest", "calibration")


class Limits(models.Model):
    """The fields of that, as the model server names them. Documents of versions before say nothing in them."""

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

    label: models.CharField[str, str]

    class Meta:
        abstract = True

    @property
    def answer(self) -> Answer:
        """What the model says, as far as it says something."""
        return Answer(
            self.label or "",
            self.state or "",
            self.because or "",
            tuple(self.prediction_set or ()),
            self.group or "",
        )
