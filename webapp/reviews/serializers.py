"""Reviews as the API takes and shows them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from webapp.accounts.deidentified import DeIdentified
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.api.fields import TextField, TrueFalseField
from webapp.recommendations.answers import Answer, State
from webapp.reviews.models import Adjudication, Review, Source, Verdict
from webapp.reviews.reading import (
    NothingToAgreeWith,
    PredictionChanged,
    PredictionSeen,
    prediction_of,
    verdict_of,
)
from webapp.scans.disclosure import disclosed_to
from webapp.scans.models import Scan


class PredictionSeenSerializer(serializers.Serializer[Any]):
    """The prediction that a verdict is on, by its label, version and state."""

    label = TextField(max_length=80, help_text="The scan's `prediction`.")  # type: ignore[assignment]
    model_version = TextField(max_length=80, allow_blank=True, help_text="The version of the scan's `model`.")
    state = serializers.ChoiceField(
        choices=State.choices,
        required=False,
        allow_null=True,
        help_text="The scan's `state`. Left out, another state of the same label and version is no other prediction.",
    )


@extend_schema_serializer(component_name="Review")
class ReviewSerializer(DeIdentified, serializers.Serializer[Any]):
    """A verdict on a scan's prediction, together with the prediction that the reader saw."""

    id = serializers.CharField(read_only=True)
    scan = serializers.CharField(source="scan_id", read_only=True)
    verdict = serializers.ChoiceField(
        choices=Verdict.choices,
        required=False,
        help_text="Without it, it follows from the label that you see: the way to read blind, and, as `named`, where the "
        "model has not answered (`state`), so that there is nothing to agree or disagree with.",
    )
    blind = TrueFalseField(
        default=False,
        help_text="Given before you were shown the model's answer or others' readings. The server knows: what is sent "
        "here makes the verdict follow from the label, and nothing else.",
    )
    independent = serializers.BooleanField(
        read_only=True,
        help_text="Given before anything of others' readings was shown to its reader: only such readings count where "
        "readers are compared.",
    )
    blind_source = serializers.ChoiceField(choices=Source.choices, read_only=True, help_text="Who says so.")
    prediction_seen = PredictionSeenSerializer(
        required=False,
        write_only=True,
        help_text="The prediction that your verdict is on. If it is not the scan's newest, the answer is 409 and nothing "
        "is recorded. Left out, to agree or disagree is on what was last shown to you; if that was none, name it.",
    )
    of_volume = TrueFalseField(
        default=False,
        write_only=True,
        help_text="That the scan stands for its volume, and the verdict is on that. If another B-scan stands for it by now, "
        "the answer is 409 and nothing is recorded; without this, the verdict is on the B-scan alone then.",
    )
    label = TextField(  # type: ignore[assignment]
        max_length=80,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed to disagree: the right label. Who is unsure names none: with `unsure` it is dropped.",
    )
    comment = TextField(max_length=2000, required=False, allow_blank=True, default="")
    user_id = serializers.CharField(source="reader_id", read_only=True)
    reader = serializers.SerializerMethodField(help_text="The reader's name.")
    mine = serializers.SerializerMethodField()
    current = serializers.BooleanField(read_only=True)
    timestamp = serializers.DateTimeField(
        source="created", read_only=True, allow_null=True, help_text="Null in de-identified data."
    )
    model_label = serializers.CharField(
        read_only=True, help_text="The scan's `prediction` then; what the model said is `model_answer`."
    )
    model_state = serializers.SerializerMethodField(
        help_text="The scan's `state` then; null where it had none."
    )
    model_answer = serializers.CharField(
        source="model_answer.text",
        read_only=True,
        help_text="What the model had said, in words: a label, a group or labels, or that it had not answered.",
    )
    model_name = serializers.CharField(read_only=True)
    model_version = serializers.CharField(read_only=True)

    @extend_schema_field(serializers.ChoiceField(choices=State.choices, allow_null=True))
    def get_model_state(self, review: Review) -> str | None:
        return review.model_state or None

    def get_reader(self, review: Review) -> str:
        return shown_name(review.reader, self.context["request"].user)

    def get_mine(self, review: Review) -> bool:
        return bool(review.reader_id == self.context["request"].user.pk)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the verdict against the scan's answer: to disagree takes another label, one that the model knows."""
        scan: Scan = self.context["scan"]
        if not scan.label:
            raise serializers.ValidationError("The scan has no prediction yet; there is nothing to review.")
        label, verdict = attrs["label"], attrs.get("verdict", "")
        known = ", ".join(scan.labels)
        if label and label not in scan.labels:
            raise serializers.ValidationError({"label": [f"The scan's model knows the labels {known}."]})
        follows = attrs.pop("blind") and label and verdict != Verdict.UNSURE
        if follows or verdict == Verdict.NAMED:
            attrs["verdict"] = verdict = ""
        if not verdict and not label:
            raise serializers.ValidationError(
                {"verdict": ["Agree, disagree or unsure? Or which label do you see?"]}
            )
        seen = attrs["seen"] = self._seen(scan, verdict, attrs.pop("prediction_seen", None))
        if seen and seen != prediction_of(scan):
            raise PredictionChanged(seen, prediction_of(scan))
        if seen:
            _check(scan.answer, verdict, label)
        if verdict == Verdict.DISAGREE and not label:
            raise serializers.ValidationError({"label": [f"Which label is right? The model knows {known}."]})
        return attrs

    def _seen(self, scan: Scan, verdict: str, given: dict[str, str] | None) -> PredictionSeen | None:
        """The prediction that the verdict is on: the one that is given, or else, to agree or not, was shown last."""
        reader: User = self.context["request"].user
        shown = disclosed_to(reader, scan)
        judges = verdict in (Verdict.AGREE, Verdict.DISAGREE)
        if scan.hides_answer_from(reader) and not shown.answer:
            # Whatever a refusal said of another verdict would tell what is hidden.
            if judges or given:
                field = "verdict" if judges else "prediction_seen"
                raise serializers.ValidationError(
                    {
                        field: [
                            "You read blind: say which label you see, or that you are unsure, and nothing else."
                        ]
                    }
                )
            return None
        if given:
            # Who doesn't say how far it went has seen the newest, if label and version are its.
            return PredictionSeen(
                given["label"], given["model_version"], given.get("state") or prediction_of(scan).state
            )
        if judges and not shown.label:
            raise serializers.ValidationError(
                {
                    "prediction_seen": [
                        "Which prediction is it about? You were shown none: give its label and version."
                    ]
                }
            )
        return (
            PredictionSeen(shown.label, shown.model_version, shown.state or State.ANSWERED)
            if judges
            else None
        )


def _check(answer: Answer, verdict: str, label: str) -> None:
    """Refuse a verdict that the model's answer, which its reader has seen, contradicts."""
    try:
        verdict_of(answer, verdict, label)
    except NothingToAgreeWith as nothing:
        field = "label" if answer.is_given else "verdict"
        raise serializers.ValidationError({field: [str(nothing)]}) from nothing
    said = (answer.label,) if answer.names_label else answer.labels
    if verdict == Verdict.DISAGREE and label in said:
        raise serializers.ValidationError({"label": [f"The model says {label}, too: that is to agree."]})
    if verdict == Verdict.AGREE and label and label not in said:
        raise serializers.ValidationError(
            {"label": [f"The model says {answer.text}: another is to disagree."]}
        )


@extend_schema_serializer(component_name="Adjudication")
class AdjudicationSerializer(DeIdentified, serializers.Serializer[Any]):
    """What settles a scan."""

    id = serializers.CharField(read_only=True)
    label = TextField(max_length=80)  # type: ignore[assignment]
    comment = TextField(max_length=2000, required=False, allow_blank=True, default="")
    user_id = serializers.CharField(source="adjudicator_id", read_only=True)
    adjudicator = serializers.SerializerMethodField(help_text="The adjudicator's name.")
    timestamp = serializers.DateTimeField(
        source="created", read_only=True, allow_null=True, help_text="Null in de-identified data."
    )

    def get_adjudicator(self, adjudication: Adjudication) -> str:
        return shown_name(adjudication.adjudicator, self.context["request"].user)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only what people have read can be settled, and as a label that the model knows."""
        scan: Scan = self.context["scan"]
        if not scan.readers:
            raise serializers.ValidationError(
                "Nobody has given a verdict on this scan: there is nothing to settle."
            )
        if attrs["label"] not in scan.labels:
            known = ", ".join(scan.labels)
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
    would_be_blind = serializers.BooleanField(
        help_text="Whether a verdict would be a blind one now: neither the model's answer nor anything of others' "
        "readings has been shown to you."
    )
    own = ReviewSerializer(allow_null=True)
    reviews = ReviewSerializer(many=True, help_text="Current verdicts that you may see, newest first.")
    reader_count = serializers.IntegerField()
    agreement = serializers.FloatField(
        allow_null=True,
        help_text="Share of the pairs of independent readings that name the same label; null without a pair. The pairs "
        "of one scan are few: say how many there are.",
    )
    agreeing_pairs = serializers.IntegerField(help_text="How many of them name the same label.")
    pairs = serializers.IntegerField(help_text="How many there are; 0 while others' readings are hidden.")
    dice = ReadersDiceSerializer(many=True)
    heatmap = HeatmapOverlapSerializer(many=True)
    adjudication = AdjudicationSerializer(allow_null=True)
    may_adjudicate = serializers.BooleanField()
