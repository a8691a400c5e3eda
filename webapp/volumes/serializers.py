"""Volumes as the API shows them, and what an upload of one may say."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from imaging.formats import listed
from webapp.accounts.deidentified import DeIdentified
from webapp.accounts.models import User
from webapp.api.errors import TooLarge
from webapp.core.modalities import BEFORE
from webapp.recommendations.answers import State
from webapp.scans.models import Eye, Scan, Status
from webapp.scans.request_serializers import FileSerializer
from webapp.volumes.leads import chosen_of
from webapp.volumes.models import Volume
from webapp.volumes.rule import Because

UNKNOWN = "unknown"
"""The state of a prediction of a version that didn't say how far it goes."""


class VolumeUploadSerializer(FileSerializer):
    """The form fields of an upload of a volume."""

    image = serializers.ListField(
        child=serializers.FileField(max_length=255),
        min_length=1,
        max_length=settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        help_text=f"A file that is a volume, or several, each a B-scan ({listed('or')}), in the order of their names, in "
        "which numbers count as numbers.",
    )

    def validate_image(self, files: list[Any]) -> list[Any]:
        """Refuse files above the limit before they are read. Raises TooLarge."""
        size = sum(file.size for file in files)
        if size > settings.MAX_VOLUME_BYTES:
            raise TooLarge(
                f"The volume has {size / 2**20:.1f} MiB; up to {settings.MAX_VOLUME_BYTES / 2**20:.0f} MiB are taken."
            )
        return files


class SpacingSerializer(serializers.Serializer[Any]):
    """Micrometres from one to the next; null where that is not known."""

    x = serializers.FloatField(allow_null=True, help_text="Pixel along a B-scan.")
    z = serializers.FloatField(allow_null=True, help_text="Pixel in depth.")
    between = serializers.FloatField(allow_null=True, help_text="B-scan.")


class GapSerializer(serializers.Serializer[Any]):
    """A B-scan that is missing."""

    place = serializers.IntegerField()
    reason = serializers.CharField(allow_blank=True, help_text="A sentence; empty in de-identified data.")


class EnfaceSizeSerializer(serializers.Serializer[Any]):
    """Of the en-face image, in pixels."""

    width = serializers.IntegerField()
    height = serializers.IntegerField()


class StateCountsSerializer(serializers.Serializer[Any]):
    """How far the model has answered the B-scans that it has answered: how many of each."""

    answered = serializers.IntegerField()
    undecided = serializers.IntegerField()
    not_answered = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="Predicted by versions that didn't say.")


class StatusCountsSerializer(serializers.Serializer[Any]):
    """How many B-scans have come how far."""

    queued = serializers.IntegerField()
    predicted = serializers.IntegerField()
    failed = serializers.IntegerField()


class VolumeAnswerSerializer(serializers.Serializer[Any]):
    """What the model says of the volume: what it says of the B-scan that the rule names."""

    place = serializers.IntegerField(help_text="Of that B-scan.")
    because = serializers.ChoiceField(choices=Because.choices, help_text="Why that one.")
    state = serializers.ChoiceField(choices=State.choices, allow_null=True)
    label = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="Null where the model has not named one."
    )
    group = serializers.CharField(allow_null=True)
    prediction_set = serializers.ListField(child=serializers.CharField(), allow_null=True)
    text = serializers.CharField(help_text="What stands where a label would.")
    urgency = serializers.CharField(allow_null=True)
    urgency_rank = serializers.IntegerField(help_text="Higher is more urgent.")
    states = StateCountsSerializer(help_text="Of all B-scans that were answered.")
    labels = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many B-scans the model named which label of."
    )


class BscanSerializer(DeIdentified, serializers.Serializer[Any]):
    """A B-scan in the list of its volume; all of the model's answer is null while it is hidden."""

    id = serializers.CharField()
    place = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Status.choices)
    state = serializers.SerializerMethodField()
    label = serializers.SerializerMethodField(  # type: ignore[assignment]
        help_text="Null where the model has not named one."
    )
    group = serializers.SerializerMethodField()
    urgency = serializers.SerializerMethodField()
    urgency_rank = serializers.IntegerField(help_text="Higher is more urgent; 0 without a prediction.")
    doubtful = serializers.SerializerMethodField(help_text="Whether something speaks against the picture.")
    read_by_me = serializers.SerializerMethodField()

    def to_representation(self, instance: Scan) -> dict[str, Any]:
        """As the reader may know it."""
        return super().to_representation(instance.as_shown_to(self.context["request"].user))

    @extend_schema_field(serializers.ChoiceField(choices=State.choices, allow_null=True))
    def get_state(self, scan: Scan) -> str | None:
        return scan.state or None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_label(self, scan: Scan) -> str | None:
        return named_label(scan)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_group(self, scan: Scan) -> str | None:
        return scan.group or None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_urgency(self, scan: Scan) -> str | None:
        return urgency_of(scan)

    def get_doubtful(self, scan: Scan) -> bool:
        return bool(scan.doubts)

    def get_read_by_me(self, scan: Scan) -> bool:
        return str(self.context["request"].user.pk) in scan.readers


class VolumeSerializer(DeIdentified, serializers.Serializer[Any]):
    """A volume with its B-scans (`scans` in the context), in their order.

    What people say of it, and its patient, stand with the B-scan that leads it.
    """

    id = serializers.CharField()
    timestamp = serializers.DateTimeField(allow_null=True, help_text="Null in de-identified data.")
    received_from = serializers.SerializerMethodField(
        help_text="The device or PACS that sent it; empty for uploads, and in de-identified data."
    )
    received_at = serializers.SerializerMethodField(
        help_text="When the first of it came from there; null for uploads, and in de-identified data."
    )
    modality = serializers.SerializerMethodField(help_text="That of its B-scans.")
    lead = serializers.SerializerMethodField(
        help_text="Id of the B-scan that stands for the volume in lists; a verdict on it is one on the volume. It is the one "
        "that `answer` names, stays what it is from the first verdict on, and is the one in the middle until all are answered "
        "and while the answer is hidden."
    )
    count = serializers.IntegerField(help_text="B-scans, those that are missing included.")
    gaps = GapSerializer(many=True)
    width = serializers.SerializerMethodField(help_text="Of a B-scan, in pixels.")
    height = serializers.SerializerMethodField(help_text="Of a B-scan, in pixels.")
    spacing = serializers.SerializerMethodField()
    pattern = serializers.CharField(
        allow_blank=True,
        help_text="How the B-scans lie: raster, line, radial, circle, cross; empty when not known.",
    )
    places = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), allow_null=True),
        help_text="For each B-scan its line on the en-face image, [x0, y0, x1, y1] in pixels of that from its upper left "
        "corner, or null; empty where the file doesn't say it.",
    )
    enface = serializers.SerializerMethodField(help_text="Address of the en-face image; null without one.")
    enface_size = serializers.SerializerMethodField()
    eye_in_picture = serializers.SerializerMethodField(
        help_text="The eye that the en-face image suggests, by where its optic disc seems to lie; empty when unsure. It is a "
        "reason to ask, and no finding."
    )
    complete = serializers.SerializerMethodField(
        help_text="Whether nothing waits for the model server any more."
    )
    statuses = serializers.SerializerMethodField()
    answer_hidden = serializers.SerializerMethodField(
        help_text="True while you read blind and have not given your verdict on the volume."
    )
    answer = serializers.SerializerMethodField(
        help_text="Null while nothing is answered, and while it is hidden."
    )
    bscans = serializers.SerializerMethodField()

    def get_received_from(self, volume: Volume) -> str:
        return self._scans[0].received_from or ""

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_received_at(self, volume: Volume) -> str | None:
        times = [scan.received_at for scan in self._scans if scan.received_at is not None]
        shown: str | None = serializers.DateTimeField().to_representation(min(times)) if times else None
        return shown

    def get_modality(self, volume: Volume) -> str:
        return volume.modality or BEFORE

    def get_lead(self, volume: Volume) -> str:
        return str(lead_of(self._scans, self._reader).pk)

    def get_width(self, volume: Volume) -> int:
        return self._scans[0].width

    def get_height(self, volume: Volume) -> int:
        return self._scans[0].height

    @extend_schema_field(SpacingSerializer)
    def get_spacing(self, volume: Volume) -> dict[str, Any]:
        first = self._scans[0]
        return {"x": first.micrometres_x, "z": first.micrometres_y, "between": volume.micrometres_between}

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_enface(self, volume: Volume) -> str | None:
        return reverse("volume-enface", args=[volume.pk]) if volume.enface_name else None

    @extend_schema_field(EnfaceSizeSerializer(allow_null=True))
    def get_enface_size(self, volume: Volume) -> dict[str, int] | None:
        if not volume.enface_name:
            return None
        return {"width": volume.enface_width, "height": volume.enface_height}

    @extend_schema_field(serializers.ChoiceField(choices=Eye.choices, allow_blank=True))
    def get_eye_in_picture(self, volume: Volume) -> str:
        return volume.eye_in_picture or ""  # the version before stores none

    def get_complete(self, volume: Volume) -> bool:
        return volume.complete and all(scan.status != Status.QUEUED for scan in self._scans)

    @extend_schema_field(StatusCountsSerializer)
    def get_statuses(self, volume: Volume) -> dict[str, int]:
        counts = Counter(scan.status for scan in self._scans)
        return {status: counts[status] for status in Status.values}

    def get_answer_hidden(self, volume: Volume) -> bool:
        return any(scan.hides_answer_from(self._reader) for scan in self._scans)

    @extend_schema_field(VolumeAnswerSerializer(allow_null=True))
    def get_answer(self, volume: Volume) -> dict[str, Any] | None:
        return None if self.get_answer_hidden(volume) else answer_of(self._scans)

    @extend_schema_field(BscanSerializer(many=True))
    def get_bscans(self, volume: Volume) -> list[dict[str, Any]]:
        return list(BscanSerializer(self._scans, many=True, context=self.context).data)

    @property
    def _scans(self) -> list[Scan]:
        scans: list[Scan] = self.context["scans"]
        return scans

    @property
    def _reader(self) -> User:
        reader: User = self.context["request"].user
        return reader


def lead_of(scans: list[Scan], reader: User) -> Scan:
    """What stands for the volume for this reader, by the rule of `ScanQuerySet.leading_for`."""
    lead = next(scan for scan in scans if not scan.follows)
    hidden = any(scan.hides_answer_from(reader) for scan in scans)
    return next((scan for scan in scans if hidden and scan.in_the_middle), lead)


def answer_of(scans: list[Scan]) -> dict[str, Any] | None:
    """What the model says of a volume by these B-scans, all there are; None while none is answered."""
    middle = next((scan.place for scan in scans if scan.in_the_middle), 0)
    chosen = chosen_of(scans, middle)
    if chosen is None:
        return None
    scan = next(scan for scan in scans if scan.place == chosen.said.place)
    answered = [each for each in scans if each.status == Status.PREDICTED]
    states = Counter(each.state or UNKNOWN for each in answered)
    said = {
        "place": scan.place,
        "because": chosen.because,
        "state": scan.state or None,
        "label": named_label(scan),
        "group": scan.group or None,
        "prediction_set": scan.prediction_set,
        "text": scan.answer.text,
        "urgency": urgency_of(scan),
        "urgency_rank": scan.urgency_rank,
        "states": {state: states[state] for state in (*State.values, UNKNOWN)},
        "labels": dict(Counter(label for each in answered if (label := named_label(each)))),
    }
    return dict(VolumeAnswerSerializer(said).data)


def named_label(scan: Scan) -> str | None:
    """The label that the model has named; None where it has not."""
    return (scan.label if scan.answer.names_label else "") or None


def urgency_of(scan: Scan) -> str | None:
    """The urgency of the model's recommendation, in words; None without a prediction."""
    return (scan.recommendation or {}).get("urgency")
