"""A model's answer as the API shows it: how far it goes, and its parts."""

from __future__ import annotations

from rest_framework import serializers

from webapp.api.output import OutputSerializer
from webapp.recommendations.answers import State
from webapp.scans.models import Scan

PREDICTION_HELP = (
    "The most probable label. It is the model's answer where `state` is `answered` or null, and only there."
)
CONFIDENCE_HELP = "Probability of that label. Where `state` is `not_answered` it says nothing."


class AnsweredSerializer(OutputSerializer):
    """How far the model has answered. All is null or empty without a prediction, in predictions of versions that gave no
    state, and while the answer is hidden."""

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
"""Fields that are null in the API where the stored text is empty."""


class RegionSerializer(OutputSerializer):
    """A region of the heat map, in pixels of the image; strongest first."""

    box = serializers.ListField(child=serializers.IntegerField(), help_text="[x, y, width, height]")
    polygon = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    score = serializers.FloatField()


class FindingSerializer(OutputSerializer):
    """A region of a finding, in pixels of the image; largest first."""

    finding = serializers.CharField(help_text="One of `kinds`.")
    box = serializers.ListField(child=serializers.IntegerField(), help_text="[x, y, width, height]")
    share = serializers.FloatField(help_text="Of the picture's area, 0 to 1.")
    confidence = serializers.FloatField(help_text="Mean probability of the finding within, 0 to 1.")


class FindingsSerializer(OutputSerializer):
    """What the model thinks it sees, and where."""

    kinds = serializers.ListField(
        child=serializers.CharField(), help_text="What it looks for, in the order of the map's values."
    )
    regions = FindingSerializer(many=True)


class ModelSerializer(OutputSerializer):
    """The model that made the prediction."""

    name = serializers.CharField(source="model_name")
    version = serializers.CharField(source="model_version")
    withdrawn = serializers.BooleanField(
        source="is_withdrawn",
        help_text="True while this version is withdrawn, after a rollback or by a guardrail: say so wherever you show what "
        "it said. Administrators can have its scans predicted again.",
    )


class FailureSerializer(OutputSerializer):
    """Why the model server refuses the image."""

    code = serializers.CharField()
    message = serializers.CharField()


class QualitySerializer(OutputSerializer):
    """Whether the image is good enough to be read."""

    acceptable = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())
    measures = serializers.DictField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="What this rests on: grey levels (`black`, `median`, `white`), `sharpness` and how `layered` it is. Null "
        "in predictions of versions that didn't say.",
    )


class DoubtsField(serializers.ListField):
    """Why the picture is doubtful, to be shown wherever its prediction is."""

    def __init__(self) -> None:
        super().__init__(
            child=serializers.CharField(),
            read_only=True,
            help_text="Why the picture may be none that the model can judge, as sentences. Show them wherever you show "
            "the prediction. Empty where nothing speaks against it, and while the answer is hidden.",
        )


def caveats(scan: Scan) -> list[str]:
    """What the model's card says about the predicted labels; none in documents of earlier versions."""
    return list(scan.caveats or [])
