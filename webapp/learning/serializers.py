"""Data sets as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from webapp.api.fields import TrueFalseField
from webapp.learning import summary
from webapp.learning.models import DataSet
from webapp.learning.rules import MOST_READERS


class DataSetSerializer(serializers.ModelSerializer[DataSet]):
    """A frozen data set. Its files lie in the installation's data folder, from where nothing is sent."""

    labels = serializers.SerializerMethodField(
        help_text="For each label the number of scans in each split: train, val and test."
    )
    scans = serializers.SerializerMethodField()
    patients = serializers.SerializerMethodField()
    told = serializers.SerializerMethodField(help_text="What it holds, lacks and leaves out, as sentences.")

    class Meta:
        model = DataSet
        fields = (
            "number", "model_name", "sha256", "held_out_sha256", "scans", "patients", "labels", "told", "made_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_labels(self, made: DataSet) -> dict[str, dict[str, int]]:
        """Scans by label and split."""
        labels: dict[str, dict[str, int]] = made.counts["labels"]
        return labels

    def get_scans(self, made: DataSet) -> int:
        """The number of scans."""
        return int(made.counts["scans"])

    def get_patients(self, made: DataSet) -> int:
        """The number of patients."""
        return int(made.counts["patients"])

    def get_told(self, made: DataSet) -> list[str]:
        """The lines that the command prints."""
        return summary.lines(made)


class LastExportSerializer(serializers.Serializer[Any]):
    """What came of the export that was asked for and done last."""

    done_at = serializers.DateTimeField()
    number = serializers.IntegerField(allow_null=True, help_text="Of its data set; null where none was made.")
    said = serializers.CharField()


class DataSetsSerializer(serializers.Serializer[Any]):
    """The data sets, newest first, the last 100 of them; whether an export is under way, and what came of the last."""

    under_way = serializers.BooleanField()
    last = LastExportSerializer(allow_null=True)
    data_sets = DataSetSerializer(many=True)


class NewDataSetSerializer(serializers.Serializer[Any]):
    """By which rules a data set is made; without a rule, the installation's own."""

    model = serializers.CharField(required=False, max_length=80, help_text="Whose scans are taken.")
    readers = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST_READERS,
        help_text="How many independent readers have to agree; 0: adjudicated scans alone.",
    )
    seen_weight = serializers.FloatField(
        required=False, min_value=0, max_value=1, help_text="What a reading counts that was not blind."
    )
    with_text = TrueFalseField(default=False, help_text="Take pictures whose pixels may hold text, too.")
    any_label = TrueFalseField(default=False, help_text="Take labels that the model doesn't know, too.")
