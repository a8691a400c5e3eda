"""Reviews as the API takes and shows them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from webapp.accounts.pseudonyms import shown_name, shown_text, shown_user
from webapp.api.fields import TextField, TrueFalseField
from webapp.reviews.models import Adjudication, Review, Verdict
from webapp.scans.models import Scan


@extend_schema_serializer(component_name="Review")
class ReviewSerializer(serializers.Serializer[Any]):
    """A verdict on a scan's prediction, together with the prediction that the reader saw."""

    id = serializers.CharField(read_only=True)
    scan = serializers.CharField(source="scan_id", read_only=True)
    verdict = serializers.ChoiceField(
        choices=Verdict.choices, required=False, help_text="Needed but for a blind reading with a label."
    )
    blind = TrueFalseField(
        default=False,
        help_text="Given before you saw the model's answer: the label you see, and the verdict follows from it.",
    )
    label = TextField(  # type: ignore[assignment]
        max_length=80,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed to disagree: the right label.",
    )
    comment = TextField(max_length=2000, required=False, allow_blank=True, default="")
    user_id = serializers.SerializerMethodField()
    reader = serializers.SerializerMethodField(help_text="The reader's name.")
    mine = serializers.SerializerMethodField()
    current = serializers.BooleanField(read_only=True)
    timestamp = serializers.DateTimeField(source="created", read_only=True)
    model_label = serializers.CharField(read_only=True)
    model_name = serializers.CharField(read_only=True)
    model_version = serializers.CharField(read_only=True)

    def get_user_id(self, review: Review) -> str:
        return shown_user(review.reader_id, self.context["request"].user)

    def get_reader(self, review: Review) -> str:
        return shown_name(review.reader, self.context["request"].user)

    def get_mine(self, review: Review) -> bool:
        return bool(review.reader_id == self.context["request"].user.pk)

    def to_representation(self, instance: Review) -> dict[str, Any]:
        """The review, its comment only for those who may know the patient."""
        data = super().to_representation(instance)
        return data | {"comment": shown_text(instance.comment, self.context["request"].user)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Disagreeing takes the right label, one that the model knows and has not said itself."""
        scan: Scan = self.context["scan"]
        if not scan.label:
            raise serializers.ValidationError("The scan has no prediction yet; there is nothing to review.")
        label = attrs["label"]
        known = ", ".join(scan.probabilities)
        if label and label not in scan.probabilities:
            raise serializers.ValidationError({"label": [f"The scan's model knows the labels {known}."]})
        if attrs["blind"]:
            attrs["verdict"] = self._blind_verdict(scan, attrs)
        elif "verdict" not in attrs:
            raise serializers.ValidationError({"verdict": ["Agree, disagree or unsure?"]})
        verdict = attrs["verdict"]
        if verdict == Verdict.DISAGREE and not label:
            raise serializers.ValidationError({"label": [f"Which label is right? The model knows {known}."]})
        if verdict == Verdict.DISAGREE and label == scan.label:
            raise serializers.ValidationError({"label": [f"The model says {label}, too: that is to agree."]})
        if verdict == Verdict.AGREE and label not in ("", scan.label):
            raise serializers.ValidationError(
                {"label": [f"The model says {scan.label}: another is to disagree."]}
            )
        return attrs

    def _blind_verdict(self, scan: Scan, attrs: dict[str, Any]) -> str:
        """What a blind reading says of the model's label; its reader does not know it."""
        if str(self.context["request"].user.pk) in scan.readers:
            message = "You have given a verdict on this scan before: it is no blind reading any more."
            raise serializers.ValidationError({"blind": [message]})
        if attrs.get("verdict") == Verdict.UNSURE:
            return Verdict.UNSURE
        if not attrs["label"]:
            raise serializers.ValidationError({"label": ["Which label do you see? Or are you unsure?"]})
        return Verdict.AGREE if attrs["label"] == scan.label else Verdict.DISAGREE


@extend_schema_serializer(component_name="Adjudication")
class AdjudicationSerializer(serializers.Serializer[Any]):
    """What settles a scan."""

    id = serializers.CharField(read_only=True)
    label = TextField(max_length=80)  # type: ignore[assignment]
    comment = TextField(max_length=2000, required=False, allow_blank=True, default="")
    user_id = serializers.SerializerMethodField()
    adjudicator = serializers.SerializerMethodField(help_text="The adjudicator's name.")
    timestamp = serializers.DateTimeField(source="created", read_only=True)

    def get_user_id(self, adjudication: Adjudication) -> str:
        return shown_user(adjudication.adjudicator_id, self.context["request"].user)

    def get_adjudicator(self, adjudication: Adjudication) -> str:
        return shown_name(adjudication.adjudicator, self.context["request"].user)

    def to_representation(self, instance: Adjudication) -> dict[str, Any]:
        """The adjudication, its comment only for those who may know the patient."""
        data = super().to_representation(instance)
        return data | {"comment": shown_text(instance.comment, self.context["request"].user)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only what people have read can be settled, and as a label that the model knows."""
        scan: Scan = self.context["scan"]
        if not scan.readers:
            raise serializers.ValidationError(
                "Nobody has given a verdict on this scan: there is nothing to settle."
            )
        if attrs["label"] not in scan.probabilities:
            known = ", ".join(scan.probabilities)
            raise serializers.ValidationError({"label": [f"The scan's model knows the labels {known}."]})
        return attrs


class ReadersDiceSerializer(serializers.Serializer[Any]):
    """How far what two readers drew is the same."""

    readers = serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2)
    dice = serializers.FloatField(help_text="Dice coefficient, 0 to 1.")


class HeatmapOverlapSerializer(serializers.Serializer[Any]):
    """How far what a reader drew is what the heat map shows."""

    reader = serializers.CharField()
    covered = serializers.FloatField(help_text="Share of the drawn area that the heat map's regions cover.")
    dice = serializers.FloatField(help_text="Dice coefficient of the drawn area and the regions, 0 to 1.")


class ReadingSerializer(serializers.Serializer[Any]):
    """Who read a scan, and how far they agree."""

    open = serializers.BooleanField(
        help_text="False while others' verdicts and shapes are hidden: until you have given yours."
    )
    own = ReviewSerializer(allow_null=True)
    reviews = ReviewSerializer(many=True, help_text="Current verdicts that you may see, newest first.")
    reader_count = serializers.IntegerField()
    agreement = serializers.FloatField(
        allow_null=True,
        help_text="Share of the readers' pairs that name the same label; null without a pair.",
    )
    dice = ReadersDiceSerializer(many=True)
    heatmap = HeatmapOverlapSerializer(many=True)
    adjudication = AdjudicationSerializer(allow_null=True)
    may_adjudicate = serializers.BooleanField()
