"""Local calibrations as the API shows them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from webapp.api.fields import TrueFalseField
from webapp.calibration.fitting import By
from webapp.calibration.models import CalibrationProfile
from webapp.core import modalities


class StateSharesSerializer(serializers.Serializer[Any]):
    """Shares of scans, 0 to 1."""

    answered = serializers.FloatField()
    undecided = serializers.FloatField()
    not_answered = serializers.FloatField()


class CalibrationOfLabelSerializer(serializers.Serializer[Any]):
    """Metrics of the scans of a label; null where the model has no statistics."""

    scans = serializers.IntegerField()
    coverage = serializers.FloatField(allow_null=True, help_text="Share whose set holds the label, 0 to 1.")
    set_size = serializers.FloatField(allow_null=True, help_text="Labels in a set, on average.")


@extend_schema_serializer(component_name="CalibrationFigures")  # generated clients know it by this name
class CalibrationMetricsSerializer(serializers.Serializer[Any]):
    """How well verified scans are answered; shares are 0 to 1, null where there is nothing to count."""

    scans = serializers.IntegerField()
    accuracy = serializers.FloatField()
    confidence = serializers.FloatField(help_text="Mean probability of the most probable label.")
    calibration_error = serializers.FloatField(help_text="Expected calibration error, 0 to 1.")
    log_loss = serializers.FloatField()
    coverage = serializers.FloatField(allow_null=True)
    set_size = serializers.FloatField(allow_null=True)
    states = StateSharesSerializer()
    right_of_answered = serializers.FloatField(allow_null=True)
    labels = serializers.DictField(child=CalibrationOfLabelSerializer())


class CalibrationSerializer(serializers.ModelSerializer[CalibrationProfile]):
    """A calibration. One that is not stored has no name and is not in use."""

    name = serializers.CharField(
        read_only=True, help_text="Each prediction names it; empty when it was tried."
    )
    in_use = serializers.SerializerMethodField()
    least = serializers.DictField(child=serializers.FloatField(), read_only=True)
    least_by = serializers.DictField(
        child=serializers.ChoiceField(choices=[by.value for by in By]),
        read_only=True,
        help_text="Whose scans a label's threshold comes from.",
    )
    labels = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    left_out = serializers.ListField(child=serializers.CharField(), read_only=True)
    before = CalibrationMetricsSerializer(read_only=True)
    after = CalibrationMetricsSerializer(read_only=True)

    class Meta:
        model = CalibrationProfile
        fields = (
            "name", "in_use", "model_name", "model_version", "weights_sha256", "temperature", "known_from", "least",
            "least_by", "scans", "patients", "labels", "left_out", "before", "after", "made_at", "undone_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_in_use(self, profile: CalibrationProfile) -> bool:
        """Whether the model's answers follow it."""
        used: frozenset[str] = self.context["in_use"]
        return bool(profile.name) and profile.name in used


def in_use() -> dict[str, frozenset[str]]:
    """The context that these serializers take: the names of the calibrations that answers follow, one of each model."""
    found = (CalibrationProfile.objects.in_use(model) for model in modalities.models())
    return {"in_use": frozenset(used.name for used in found if used)}


class NewCalibrationSerializer(serializers.Serializer[Any]):
    """Which model is calibrated, and whether that is stored."""

    model = serializers.CharField(
        default="", max_length=80, help_text="Its name; without one, the first modality's model."
    )
    dry_run = TrueFalseField(default=False, help_text="Show before and after, and store nothing.")


class WhichCalibrationSerializer(serializers.Serializer[Any]):
    """Whose calibration is taken back."""

    model = serializers.CharField(
        default="", max_length=80, help_text="The model's name; without one, the first modality's."
    )
    name = serializers.CharField(
        default="",
        max_length=40,
        help_text="The calibration's: if another one is in use, nothing is taken back. Without it, the one in use.",
    )


class UndoneCalibrationSerializer(serializers.Serializer[Any]):
    """The calibration that was taken back, and the one in use from then on."""

    undone = CalibrationSerializer()
    in_use = CalibrationSerializer(allow_null=True)
