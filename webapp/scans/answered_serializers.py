"""How far the model has answered, as the API shows it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from webapp.recommendations.answers import State
from webapp.scans.models import Scan

PREDICTION_HELP = (
    "The most probable label. It is the model's answer where `state` is `answered` or null, and only there."
)
CONFIDENCE_HELP = "Probability of that label. Where `state` is `not_answered` it says nothing."


class AnsweredSerializer(serializers.Serializer[Any]):
    """How far the model has answered. All null or empty without a prediction, in those of versions that didn't say, and
    while the answer is hidden."""

    state = serializers.ChoiceField(
        choices=State.choices,
        allow_null=True,
        help_text="`answered`: `prediction` is the answer. `undecided`: all of `prediction_set` is. `not_answered`: there "
        "is none; show no label then. Null where that is not known.",
    )
    because = serializers.CharField(
        allow_null=True,
        help_text="Why, as a code: `unfamiliar`, `no_label`, `too_many`, `one_group`, `several`, `one_label`, "
        "`findings_contradict`, `no_statistics`.",
    )
    prediction_set = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Labels that can't be ruled out at 90 %, most probable first. Null where the model can't tell.",
    )
    group = serializers.CharField(
        allow_null=True, help_text="What the labels of the set have in common, as people name it."
    )
    familiarity = serializers.FloatField(
        allow_null=True,
        help_text="Share of the scans that the model learnt from, or of others like them, that are stranger; 0 to 1.",
    )
    known = serializers.BooleanField(
        allow_null=True, help_text="Whether the picture looks like those that the model learnt from."
    )
    nearest = serializers.SerializerMethodField(
        help_text="Up to three simulated scans that it is most like, in words; never a patient's."
    )
    calibration = serializers.CharField(
        allow_null=True, help_text="The profile of this installation that was applied, by its name."
    )

    def get_nearest(self, scan: Scan) -> list[str]:
        return list(scan.nearest or [])


OR_NULL = ("prediction", "state", "because", "group", "calibration")
"""Fields of an answer that are null where nothing is stored."""
