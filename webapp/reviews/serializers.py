"""Reviews as the API takes and shows them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from webapp.accounts.pseudonyms import shown_text, shown_user
from webapp.reviews.models import Review, Verdict
from webapp.scans.models import Scan


@extend_schema_serializer(component_name="Review")
class ReviewSerializer(serializers.Serializer[Any]):
    """A verdict on a scan's prediction, together with the prediction that the reader saw."""

    id = serializers.CharField(read_only=True)
    scan = serializers.CharField(source="scan_id", read_only=True)
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=80,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed to disagree: the right label.",
    )
    comment = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    user_id = serializers.SerializerMethodField()
    current = serializers.BooleanField(read_only=True)
    timestamp = serializers.DateTimeField(source="created", read_only=True)
    model_label = serializers.CharField(read_only=True)
    model_name = serializers.CharField(read_only=True)
    model_version = serializers.CharField(read_only=True)

    def get_user_id(self, review: Review) -> str:
        return shown_user(review.reader_id, self.context["request"].user)

    def to_representation(self, instance: Review) -> dict[str, Any]:
        """The review, its comment only for those who may know the patient."""
        data = super().to_representation(instance)
        return data | {"comment": shown_text(instance.comment, self.context["request"].user)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Disagreeing takes the right label, one that the model knows and has not said itself."""
        scan: Scan = self.context["scan"]
        if not scan.label:
            raise serializers.ValidationError("The scan has no prediction yet; there is nothing to review.")
        verdict, label = attrs["verdict"], attrs["label"]
        known = ", ".join(scan.probabilities)
        if verdict == Verdict.DISAGREE and not label:
            raise serializers.ValidationError({"label": [f"Which label is right? The model knows {known}."]})
        if label and label not in scan.probabilities:
            raise serializers.ValidationError({"label": [f"The scan's model knows the labels {known}."]})
        if verdict == Verdict.DISAGREE and label == scan.label:
            raise serializers.ValidationError({"label": [f"The model says {label}, too: that is to agree."]})
        if verdict == Verdict.AGREE and label not in ("", scan.label):
            raise serializers.ValidationError(
                {"label": [f"The model says {scan.label}: another is to disagree."]}
            )
        return attrs
