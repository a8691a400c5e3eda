"""Scans as the API shows them, and what an upload may say."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import exceptions, serializers, status

from imaging.formats import listed
from webapp.accounts.deidentified import DeIdentified
from webapp.accounts.models import User
from webapp.api.fields import PatternField
from webapp.scans.answered_serializers import CONFIDENCE_HELP, OR_NULL, PREDICTION_HELP, AnsweredSerializer
from webapp.scans.details import DETAILS, ENTERED
from webapp.scans.differences import FoundIn
from webapp.scans.final_serializers import (
    FinalReadingSerializer,
    RecommendationSerializer,
    shown_final_reading,
)
from webapp.scans.models import Scan, Status
from webapp.volumes.place import InVolumeSerializer, in_volume


class FileTooLarge(exceptions.APIException):
    """An upload above the limit."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class DetailsSerializer(serializers.Serializer[Any]):
    """What people say of a scan."""

    def get_fields(self) -> dict[str, Any]:
        """A field for each."""
        return {detail.name: detail.given() for detail in DETAILS} | super().get_fields()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A pixel has a width and a height, or neither."""
        sizes = {name: attrs.get(name) for name in ("micrometres_x", "micrometres_y") if name in attrs}
        if sizes and (len(sizes) < 2 or len([size for size in sizes.values() if size is None]) == 1):
            missing = next(name for name in ("micrometres_x", "micrometres_y") if sizes.get(name) is None)
            raise serializers.ValidationError(
                {missing: ["Give the width and the height of a pixel, or neither."]}
            )
        return attrs


class UploadSerializer(DetailsSerializer):
    """The form fields of an upload."""

    image = serializers.FileField(
        max_length=255,
        help_text=f"{listed('or')}. Eye, patient and date of a DICOM file are kept as this "
        "installation is set to, where the form leaves them open; what else it says is dropped.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Those of the details as a form writes them, and the file."""
        written = {detail.name: detail.written() for detail in DETAILS if detail.written}
        return super().get_fields() | written

    def validate_image(self, file: Any) -> Any:
        """Refuse a file above the limit before it is read."""
        most = max(settings.MAX_UPLOAD_BYTES, settings.MAX_VOLUME_BYTES)
        if file.size > most:
            raise FileTooLarge(
                f"The file has {file.size / 2**20:.1f} MiB; up to {most / 2**20:.0f} MiB are taken."
            )
        return file


class RepredictSerializer(serializers.Serializer[Any]):
    """Which version to ask, and for which label's heat map."""

    version = PatternField(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40, required=False, allow_blank=True)
    # It travels as a header: printable ASCII only.
    label = PatternField(r"^[ -~]+$", max_length=80, required=False, allow_blank=True)  # type: ignore[assignment]


class RegionSerializer(serializers.Serializer[Any]):
    """A region that spoke for the label, in pixels of the image; strongest first."""

    box = serializers.ListField(child=serializers.IntegerField(), help_text="[x, y, width, height]")
    polygon = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    score = serializers.FloatField()


class FindingSerializer(serializers.Serializer[Any]):
    """A place where the model thinks it sees something, in pixels of the image; largest first."""

    finding = serializers.CharField(help_text="One of `kinds`.")
    box = serializers.ListField(child=serializers.IntegerField(), help_text="[x, y, width, height]")
    share = serializers.FloatField(help_text="Of the picture's area, 0 to 1.")
    confidence = serializers.FloatField(help_text="Mean probability of the finding within, 0 to 1.")


class FindingsSerializer(serializers.Serializer[Any]):
    """What the model thinks it sees where, beside what spoke for its label."""

    kinds = serializers.ListField(
        child=serializers.CharField(), help_text="What it looks for, in the order of the map's values."
    )
    regions = FindingSerializer(many=True)


class ModelSerializer(serializers.Serializer[Any]):
    """Which model said so."""

    name = serializers.CharField(source="model_name")
    version = serializers.CharField(source="model_version")


class FailureSerializer(serializers.Serializer[Any]):
    """Why the model server refuses the image."""

    code = serializers.CharField()
    message = serializers.CharField()


class QualitySerializer(serializers.Serializer[Any]):
    """Whether the image is good enough to be read."""

    acceptable = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())


class DoubtsField(serializers.ListField):
    """Why the picture is doubtful; whoever shows its prediction shows this beside it."""

    def __init__(self) -> None:
        super().__init__(
            child=serializers.CharField(),
            read_only=True,
            help_text="Why the picture may be none that the model can judge, as sentences. Show them wherever you show "
            "the prediction. Empty where nothing speaks against it, and while the answer is hidden.",
        )


class ScanSerializer(DeIdentified, AnsweredSerializer):
    """A scan with its newest prediction; who reads de-identified data sees what `deidentified.py` leaves of it."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=Status.choices)
    failure = FailureSerializer(allow_null=True)
    image_path = serializers.SerializerMethodField()
    thumbnail_path = serializers.SerializerMethodField()
    annotation_path = serializers.SerializerMethodField()
    heatmap_path = serializers.SerializerMethodField()
    findings_path = serializers.SerializerMethodField(
        help_text="A grey PNG of the whole picture, coarser than it: 0 for nothing, n for the n-th of `findings.kinds`."
    )
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
    user_id = serializers.CharField()
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
        """With what people have entered, behind the picture's size."""
        fields = super().get_fields()
        names = list(fields)
        first = {name: fields[name] for name in names[: names.index("height") + 1]}
        return first | {detail.name: detail.told() for detail in DETAILS} | fields

    def to_representation(self, instance: Scan) -> dict[str, Any]:
        """Empty strings of what isn't known yet, or is hidden, become null."""
        data = super().to_representation(instance.as_shown_to(self._reader))
        if not instance.is_open_to(self._reader):
            data |= {"dispute": 0.0, "settled_label": None}
        for name in (*OR_NULL, "heatmap_label", "settled_label"):
            data[name] = data[name] or None
        return data

    def get_image_path(self, scan: Scan) -> str:
        return image_path(scan)

    def get_thumbnail_path(self, scan: Scan) -> str:
        return reverse("scan-thumbnail", args=[scan.pk])

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
        return scan.quality or None

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
    """A field that was entered and that has another value, or none, elsewhere; values as a form writes them."""

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
    """How many there are."""

    count = serializers.IntegerField()


def image_path(scan: Scan) -> str:
    """Address of the image, for who may see the scan."""
    return reverse("scan-image", args=[scan.pk])


def caveats(scan: Scan) -> list[str]:
    """What the model's card says of the predicted labels; documents of older predictions hold none."""
    return list(scan.caveats or [])


def overlay_path(scan: Scan) -> str | None:
    """Address of the image with its heat map, or None while there is none."""
    return reverse("scan-overlay", args=[scan.pk]) if scan.heatmap_name or scan.stored_overlay else None
