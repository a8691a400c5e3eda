"""Scans as the API shows them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webapp.accounts.deidentified import DeIdentified
from webapp.accounts.models import User
from webapp.api.output import copies
from webapp.core.modalities import BEFORE
from webapp.scans.answered_serializers import (
    CONFIDENCE_HELP,
    OR_NULL,
    PREDICTION_HELP,
    AnsweredSerializer,
    DoubtsField,
    FailureSerializer,
    FindingsSerializer,
    ModelSerializer,
    QualitySerializer,
    RegionSerializer,
    caveats,
)
from webapp.scans.details import DETAILS, ENTERED
from webapp.scans.differences import FoundIn
from webapp.scans.final_serializers import (
    FinalReadingSerializer,
    RecommendationSerializer,
    shown_final_reading,
)
from webapp.scans.models import Eye, Scan, Status
from webapp.volumes.place import InVolumeSerializer, in_volume


class ScanFieldsField(serializers.DictField):
    """What people say of a scan in the fields that its modality has, by name."""

    def __init__(self) -> None:
        super().__init__(
            child=serializers.CharField(),
            read_only=True,
            help_text="What people say of it in the fields that its modality has (`options/`), by name.",
        )

    def get_attribute(self, instance: Scan) -> dict[str, str]:
        """The fields that were given; none in documents of earlier versions."""
        return instance.fields or {}


TOLD = {detail.name: detail.told() for detail in DETAILS}
"""The fields of what people enter."""


class ScanSerializer(DeIdentified, AnsweredSerializer):
    """A scan with its newest prediction; who reads de-identified data sees what `deidentified.py` leaves of it."""

    id = serializers.CharField()
    modality = serializers.SerializerMethodField(
        help_text="The name of what kind of picture it is; `options/` tells what that means."
    )
    status = serializers.ChoiceField(choices=Status.choices)
    failure = FailureSerializer(allow_null=True)
    image_path = serializers.SerializerMethodField()
    thumbnail_path = serializers.SerializerMethodField()
    annotation_path = serializers.SerializerMethodField()
    heatmap_path = serializers.SerializerMethodField()
    findings_path = serializers.SerializerMethodField(
        help_text="A grey PNG of the whole picture, coarser than it: 0 for nothing, n for the n-th of `findings.kinds`."
    )
    eye_in_file = serializers.SerializerMethodField(
        help_text="Which eye the file names, whatever people enter as `eye`; empty where it names none, or that is not kept."
    )
    deep_path = serializers.SerializerMethodField(
        help_text="A grey PNG of 16 bits: the values as the file has them, of which the image shows those from `deep_black` to "
        "`deep_white`. Null for files of 8 bits, compressed DICOM, pictures that are no volume, and scans that earlier versions stored."
    )
    deep_black = serializers.FloatField(
        allow_null=True,
        help_text="The value that is black in the image; above `deep_white` in files that count downwards.",
    )
    deep_white = serializers.FloatField(allow_null=True, help_text="The value that is white in the image.")
    sha256 = serializers.CharField(help_text="Of the file as it was uploaded; empty in de-identified data.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    device = serializers.SerializerMethodField(
        help_text="What took the picture, by maker and model, where the file names one that is known here; empty "
        "otherwise, and in de-identified data."
    )
    volume = serializers.SerializerMethodField(
        help_text="The volume that it is a B-scan of, and its place there; null for a scan by itself."
    )
    timestamp = serializers.DateTimeField(allow_null=True, help_text="Null in de-identified data.")
    user_id = serializers.SerializerMethodField(
        help_text="Who uploaded it; empty for what a device or PACS sent."
    )
    received_from = serializers.SerializerMethodField(
        help_text="The device or PACS that sent it; empty for uploads, and in de-identified data."
    )
    received_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When the first of it came from there; null for uploads, and in de-identified data.",
    )
    answer_hidden = serializers.BooleanField(
        help_text="True while you read blind and have not given your verdict: all that the model said is left out."
    )
    labels = serializers.ListField(
        child=serializers.CharField(), help_text="Those that the model knows, in the alphabet's order."
    )
    prediction = serializers.CharField(source="label", allow_null=True, help_text=PREDICTION_HELP)
    confidence = serializers.FloatField(allow_null=True, help_text=CONFIDENCE_HELP)
    probabilities = serializers.DictField(child=serializers.FloatField())
    heatmap_label = serializers.CharField(source="gradcam_label", allow_null=True)
    regions = RegionSerializer(many=True)
    findings = FindingsSerializer(
        allow_null=True,
        help_text="Null without a prediction, of versions without a map of findings, and while the answer is hidden; "
        "without regions where it found nothing.",
    )
    caveats = serializers.SerializerMethodField()
    quality = serializers.SerializerMethodField()
    model = serializers.SerializerMethodField()
    doubts = DoubtsField()
    recommendation = RecommendationSerializer(allow_null=True)
    urgency_rank = serializers.IntegerField(
        help_text="Higher is more urgent; 0 without a prediction. What is seen on a doubtful picture doesn't raise it."
    )
    predicted_at = serializers.DateTimeField(allow_null=True)
    reviewed = serializers.BooleanField()
    reader_count = serializers.SerializerMethodField(
        help_text="How many people gave a verdict, or one on its volume."
    )
    read_by_me = serializers.SerializerMethodField()
    dispute = serializers.FloatField(
        help_text="Share of the pairs of independent readings that name different labels; 0 until you have given your verdict."
    )
    settled_label = serializers.CharField(
        allow_null=True, help_text="What an adjudicator said last; null until you have given your verdict."
    )
    final_reading = serializers.SerializerMethodField(
        help_text="What leads where people have read the scan; null where nobody has named a label, and until you have "
        "given your verdict."
    )
    may_change = serializers.SerializerMethodField(help_text="Whether you may change or delete it.")

    def get_fields(self) -> dict[str, Any]:
        """The fields, with those that people enter after the picture's size."""
        fields = super().get_fields()
        names = list(fields)
        first = {name: fields[name] for name in names[: names.index("height") + 1]}
        return first | copies(TOLD) | {"fields": ScanFieldsField()} | fields

    def to_representation(self, instance: Scan) -> dict[str, Any]:
        """The scan as the reader may know it; texts that are empty or hidden become null."""
        data = super().to_representation(instance.as_shown_to(self._reader))
        if not instance.is_open_to(self._reader):
            data |= {"dispute": 0.0, "settled_label": None}
        for name in (*OR_NULL, "heatmap_label", "settled_label"):
            data[name] = data[name] or None
        return data

    def get_received_from(self, scan: Scan) -> str:
        return scan.received_from or ""  # the version before stores none

    def get_user_id(self, scan: Scan) -> str:
        return str(scan.user_id or "")

    def get_modality(self, scan: Scan) -> str:
        return scan.modality or BEFORE  # the version before stores none

    def get_image_path(self, scan: Scan) -> str:
        return image_path(scan)

    def get_thumbnail_path(self, scan: Scan) -> str:
        return reverse("scan-thumbnail", args=[scan.pk])

    @extend_schema_field(serializers.ChoiceField(choices=Eye.choices, allow_blank=True))
    def get_eye_in_file(self, scan: Scan) -> str:
        return scan.eye_in_file or ""

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_deep_path(self, scan: Scan) -> str | None:
        return reverse("scan-deep", args=[scan.pk]) if scan.deep_name else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_annotation_path(self, scan: Scan) -> str | None:
        return overlay_path(scan)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_heatmap_path(self, scan: Scan) -> str | None:
        return reverse("scan-heatmap", args=[scan.pk]) if scan.heatmap_name else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_findings_path(self, scan: Scan) -> str | None:
        return reverse("scan-findings", args=[scan.pk]) if scan.findings_name else None

    def get_caveats(self, scan: Scan) -> list[str]:
        return caveats(scan)

    def get_device(self, scan: Scan) -> str:
        return scan.device or ""  # documents of earlier versions have none

    @extend_schema_field(QualitySerializer(allow_null=True))
    def get_quality(self, scan: Scan) -> dict[str, Any] | None:
        return {"measures": None, **scan.quality} if scan.quality else None

    @extend_schema_field(ModelSerializer(allow_null=True))
    def get_model(self, scan: Scan) -> dict[str, Any] | None:
        return dict(ModelSerializer(scan).data) if scan.model_name else None

    @extend_schema_field(InVolumeSerializer(allow_null=True))
    def get_volume(self, scan: Scan) -> dict[str, Any] | None:
        return in_volume(scan)

    def get_reader_count(self, scan: Scan) -> int:
        return len(scan.all_readers)

    def get_read_by_me(self, scan: Scan) -> bool:
        return scan.is_read_by(self._reader)

    @extend_schema_field(FinalReadingSerializer(allow_null=True))
    def get_final_reading(self, scan: Scan) -> dict[str, Any] | None:
        return shown_final_reading(scan, self._reader)

    def get_may_change(self, scan: Scan) -> bool:
        return scan.may_be_changed_by(self._reader)

    @property
    def _reader(self) -> User:
        reader: User = self.context["request"].user
        return reader


class DifferenceSerializer(serializers.Serializer[Any]):
    """An entered field that has another value, or none, elsewhere; values are texts of a form."""

    field = serializers.ChoiceField(choices=ENTERED)
    entered = serializers.CharField()
    found = serializers.CharField(allow_blank=True)
    found_in = serializers.ChoiceField(choices=FoundIn.choices)


class UploadedSerializer(ScanSerializer):
    """The answer to an upload."""

    duplicate = serializers.BooleanField(
        required=False,
        help_text="True when this user has uploaded the same file before; the scan is that one, as it was.",
    )
    differences = DifferenceSerializer(
        many=True,
        required=False,
        help_text="Entered fields that the scan of an earlier upload, which was left as it is, or the file of a new "
        "one, which has what was entered, says otherwise. To take the other value, PATCH the scan.",
    )


class CountSerializer(serializers.Serializer[Any]):
    """A number of scans."""

    count = serializers.IntegerField()


def image_path(scan: Scan) -> str:
    """The address of the image."""
    return reverse("scan-image", args=[scan.pk])


def overlay_path(scan: Scan) -> str | None:
    """The address of the overlay, None while there is none."""
    return reverse("scan-overlay", args=[scan.pk]) if scan.heatmap_name or scan.stored_overlay else None
