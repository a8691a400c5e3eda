"""The dashboard as the API shows it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from webapp.api.fields import ModalityField, WrittenCountField
from webapp.dashboard.intervals import LEAST_SCANS

LONGEST_DAYS = 366
STATE_SHARE_HELP = f"Null of fewer than {LEAST_SCANS} scans."
KAPPA_HELP = f"-1 to 1; null where it is not defined, and of fewer than {LEAST_SCANS} scans."


class SpanSerializer(serializers.Serializer[Any]):
    """The days that the dashboard covers."""

    days = WrittenCountField(
        min_value=1, max_value=LONGEST_DAYS, default=30, help_text="Up to today, in UTC."
    )

    modality = ModalityField(
        required=False, allow_blank=True, help_text="The name of a modality, for that alone."
    )


class OfModalitySerializer(serializers.Serializer[Any]):
    """What is counted of one modality."""

    modality = serializers.CharField(help_text="The name of the modality.")


class DaySerializer(serializers.Serializer[Any]):
    """Uploads of a day."""

    date = serializers.DateField()
    count = serializers.IntegerField()


class LabelCountSerializer(OfModalitySerializer):
    """How often the model said a label."""

    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()
    doubtful = serializers.IntegerField(help_text="How many of these are of pictures that are doubtful.")


class IntervalSerializer(serializers.Serializer[Any]):
    """The 95 % interval of a value (Wilson)."""

    low = serializers.FloatField()
    high = serializers.FloatField()


class ShareSerializer(IntervalSerializer):
    """A share, 0 to 1, with its interval."""

    value = serializers.FloatField()


class StatesSerializer(serializers.Serializer[Any]):
    """How far the model has answered: the count of each state, and its share of the scans whose state is known."""

    answered = serializers.IntegerField()
    undecided = serializers.IntegerField()
    not_answered = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="Predicted by versions that didn't say.")
    answered_share = ShareSerializer(allow_null=True, help_text=STATE_SHARE_HELP)
    undecided_share = ShareSerializer(allow_null=True, help_text=STATE_SHARE_HELP)
    not_answered_share = ShareSerializer(allow_null=True, help_text=STATE_SHARE_HELP)


class StatesOfDaySerializer(StatesSerializer):
    """The states of the uploads of a day."""

    date = serializers.DateField()


class StatesOfModalitySerializer(StatesSerializer, OfModalitySerializer):
    """The states of the scans of a modality."""


class StatesOfClinicSerializer(StatesSerializer):
    """The states of the uploads of a clinic."""

    clinic = serializers.CharField(help_text="Empty for uploads of people without one.")


class StatesOfDeviceSerializer(StatesSerializer):
    """The states of the scans of a device."""

    device = serializers.CharField(help_text="Maker and model; empty where they are not known.")


class QueueSerializer(serializers.Serializer[Any]):
    """All scans by their status, whatever day they are of."""

    queued = serializers.IntegerField()
    predicted = serializers.IntegerField()
    failed = serializers.IntegerField()
    oldest_queued = serializers.DateTimeField(allow_null=True, help_text="Null in de-identified data.")


class VerdictsSerializer(OfModalitySerializer):
    """What readers said of an answer of a version of the model, independently of each other."""

    model_version = serializers.CharField()
    label = serializers.CharField(  # type: ignore[assignment]
        help_text="Or the group or the labels between which it was undecided; where it has not answered there is nothing "
        "to agree with."
    )
    agree = serializers.IntegerField()
    disagree = serializers.IntegerField()
    unsure = serializers.IntegerField()
    scans = serializers.IntegerField(help_text="Of which readers agreed or disagreed.")
    agreement = ShareSerializer(
        allow_null=True,
        help_text="Of those who agree or disagree, the share that agrees; "
        f"null of fewer than {LEAST_SCANS} scans, as which the interval counts them.",
    )


class CohenSerializer(OfModalitySerializer):
    """Cohen's kappa of two readers' independent readings, or of a reader's blind ones and a version of the model."""

    readers = serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2)
    scans = serializers.IntegerField(help_text="That both named a label for.")
    kappa = serializers.FloatField(allow_null=True, help_text=KAPPA_HELP)
    interval = IntervalSerializer(allow_null=True, help_text="Null where kappa is.")
    defined = serializers.BooleanField(help_text="Whether there is a kappa, be it of too few scans to show.")


class FleissSerializer(OfModalitySerializer):
    """Fleiss' kappa of the scans with the same number of independent readings."""

    readers_per_scan = serializers.IntegerField()
    scans = serializers.IntegerField()
    kappa = serializers.FloatField(allow_null=True, help_text=KAPPA_HELP)
    interval = IntervalSerializer(allow_null=True, help_text="Null where kappa is.")
    defined = serializers.BooleanField(help_text="Whether there is a kappa, be it of too few scans to show.")


class ChangedReadingsSerializer(serializers.Serializer[Any]):
    """Of blind first readings that differed from the model's answer, those that were changed to it."""

    differed = serializers.IntegerField()
    changed = serializers.IntegerField()
    scans = serializers.IntegerField(help_text="That these readings are of.")
    share = ShareSerializer(
        allow_null=True,
        help_text=f"Null of fewer than {LEAST_SCANS} scans, as which the interval counts them.",
    )


class ReadingChangesSerializer(serializers.Serializer[Any]):
    """How readings were changed where the model is right, and where it is wrong.

    Right is what an adjudicator settled, or what enough others name who read the scan blind.
    """

    model_right = ChangedReadingsSerializer()
    model_wrong = ChangedReadingsSerializer()
    after_others = serializers.IntegerField(
        help_text="Changed to the model's answer after others' readings were shown, too; in none of the counts."
    )


class ReaderReadingChangesSerializer(ReadingChangesSerializer):
    """The same of a reader."""

    reader = serializers.CharField()


class AutomationBiasSerializer(serializers.Serializer[Any]):
    """How often readers who read blind go over to the model's answer once they have seen it."""

    all = ReadingChangesSerializer(allow_null=True, help_text="Null for users without `may_manage`.")
    readers = ReaderReadingChangesSerializer(
        many=True,
        help_text="Without `may_manage` at most one: yourself. Readers without such a case are left out.",
    )


class LatencySerializer(serializers.Serializer[Any]):
    """The time from upload to prediction, in milliseconds."""

    median = serializers.FloatField()
    percentile_95 = serializers.FloatField()
    scans = serializers.IntegerField()


class DashboardSerializer(serializers.Serializer[Any]):
    """Scans, model, readers and queue, of the scans that you may see and the readings that are open to you."""

    days = serializers.IntegerField()
    least_scans = serializers.IntegerField(
        help_text="The fewest scans of which shares and kappas are given; of fewer, counts alone are."
    )
    scans_per_day = DaySerializer(
        many=True, help_text="Empty in de-identified data, whose other metrics cover all times."
    )
    labels = LabelCountSerializer(many=True, help_text="Of scans of which the model named one.")
    states = StatesSerializer()
    states_per_day = StatesOfDaySerializer(many=True, help_text="Empty in de-identified data.")
    states_per_modality = StatesOfModalitySerializer(many=True)
    states_per_clinic = StatesOfClinicSerializer(many=True, help_text="Empty in de-identified data.")
    states_per_device = StatesOfDeviceSerializer(many=True, help_text="Empty in de-identified data.")
    queue = QueueSerializer()
    verdicts = VerdictsSerializer(many=True)
    cohen = CohenSerializer(many=True)
    fleiss = FleissSerializer(many=True)
    automation_bias = AutomationBiasSerializer(
        allow_null=True, help_text="Null for users who neither read nor manage."
    )
    latency_ms = LatencySerializer(allow_null=True)
