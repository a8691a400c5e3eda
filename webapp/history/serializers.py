"""The history as the API shows it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webapp.accounts.deidentified import DeIdentified
from webapp.annotations.serializers import AnnotationSerializer
from webapp.scans.answered_serializers import (
    CONFIDENCE_HELP,
    OR_NULL,
    PREDICTION_HELP,
    AnsweredSerializer,
    DoubtsField,
    caveats,
)
from webapp.scans.final_serializers import FinalReadingSerializer, shown_final_reading
from webapp.scans.models import Scan
from webapp.scans.serializers import image_path, overlay_path


class HistorySerializer(DeIdentified, AnsweredSerializer):
    """An entry of the history: a scan, the model's answer, and what people drew."""

    id = serializers.CharField()
    image_path = serializers.SerializerMethodField()
    prediction = serializers.CharField(source="label", allow_null=True, help_text=PREDICTION_HELP)
    confidence = serializers.FloatField(allow_null=True, help_text=CONFIDENCE_HELP)
    final_reading = serializers.SerializerMethodField(help_text="As the scan's.")
    doubts = DoubtsField()
    caveats = serializers.SerializerMethodField()
    annotation_path = serializers.SerializerMethodField(help_text="The scan with its heat map.")
    manual_annotation = serializers.SerializerMethodField(
        help_text="What people drew, as W3C Web Annotations."
    )
    timestamp = serializers.DateTimeField(allow_null=True, help_text="Null in de-identified data.")
    user_id = serializers.SerializerMethodField(help_text="As the scan's.")

    def to_representation(self, instance: Scan) -> dict[str, Any]:
        """Empty strings of what isn't known yet, or is hidden, become null."""
        data = super().to_representation(instance.as_shown_to(self.context["request"].user))
        for name in OR_NULL:
            data[name] = data[name] or None
        return data

    def get_user_id(self, scan: Scan) -> str:
        return str(scan.user_id or "")

    def get_image_path(self, scan: Scan) -> str:
        return image_path(scan)

    def get_caveats(self, scan: Scan) -> list[str]:
        return caveats(scan)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_annotation_path(self, scan: Scan) -> str | None:
        return overlay_path(scan)

    @extend_schema_field(FinalReadingSerializer(allow_null=True))
    def get_final_reading(self, scan: Scan) -> dict[str, Any] | None:
        return shown_final_reading(scan, self.context["request"].user)

    @extend_schema_field(AnnotationSerializer(many=True))
    def get_manual_annotation(self, scan: Scan) -> list[dict[str, Any]]:
        drawn = self.context.get("annotations", {}).get(scan.pk, [])
        return list(AnnotationSerializer(drawn, many=True, context=self.context).data)
