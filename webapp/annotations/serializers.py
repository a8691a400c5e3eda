"""Annotations as W3C Web Annotations (https://www.w3.org/TR/annotation-model/)."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from webapp.accounts.abilities import Ability
from webapp.accounts.deidentified import de_identified
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.annotations.models import Annotation
from webapp.annotations.selectors import SelectorError, clean
from webapp.annotations.shapes import Shape
from webapp.api.fields import TextField
from webapp.scans.labels import known_label, known_labels
from webapp.scans.models import Scan

CONTEXT = "http://www.w3.org/ns/anno.jsonld"


class SelectorSerializer(serializers.Serializer[Any]):
    """Where on the scan: a box as FragmentSelector, any other shape as SvgSelector."""

    type = serializers.ChoiceField(choices=("FragmentSelector", "SvgSelector"))
    value = TextField(
        trim_whitespace=False, help_text="`xywh=pixel:X,Y,WIDTH,HEIGHT`, or an svg element with one shape."
    )
    conformsTo = TextField(required=False, max_length=200)


class TargetSerializer(serializers.Serializer[Any]):
    """What is annotated; the source is the scan of the address."""

    source = serializers.CharField(read_only=True)  # type: ignore[assignment]
    selector = SelectorSerializer()


class BodySerializer(serializers.Serializer[Any]):
    """A comment (`purpose: commenting`) or a label (`purpose: tagging`)."""

    type = serializers.CharField()
    purpose = serializers.CharField()
    value = serializers.CharField()


@extend_schema_serializer(component_name="Annotation")
class AnnotationSerializer(serializers.Serializer[Any]):
    """A drawn shape with its label and comment, which the `body` repeats in the standard's words."""

    id = serializers.CharField(read_only=True)
    type = serializers.CharField(default="Annotation", read_only=True)
    scan = serializers.CharField(source="scan_id", read_only=True)
    target = TargetSerializer()
    shape = serializers.ChoiceField(
        choices=Shape.choices, read_only=True, help_text="What kind of shape the selector draws."
    )
    label = TextField(max_length=80, required=False, allow_blank=True, default="")  # type: ignore[assignment]
    comment = TextField(max_length=2000, required=False, allow_blank=True, default="")
    body = BodySerializer(many=True, read_only=True)
    creator = serializers.CharField(read_only=True)
    creator_name = serializers.CharField(read_only=True)
    mine = serializers.BooleanField(read_only=True)
    created = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Null in de-identified data."
    )
    modified = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Null in de-identified data."
    )
    revision = serializers.IntegerField(read_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check shape and label against the scan of the context."""
        scan: Scan = self.context["scan"]
        try:
            selector = clean(attrs["target"]["selector"], scan.width, scan.height)
        except SelectorError as error:
            raise serializers.ValidationError({"target": {"selector": [str(error)]}}) from error
        label = attrs["label"]
        if label and label not in (known := known_labels(scan)):
            message = (
                f"The scan's model knows the labels {', '.join(sorted(known))}."
                if known
                else "No label is known before the first prediction; leave it empty until then."
            )
            raise serializers.ValidationError({"label": [message]})
        return {"selector": selector, "label": label, "comment": attrs["comment"]}

    def to_representation(self, instance: Annotation) -> dict[str, Any]:
        """The annotation with the standard's context."""
        reader = self.context["request"].user
        data = {
            "@context": CONTEXT,
            "id": str(instance.pk),
            "type": "Annotation",
            "scan": str(instance.scan_id),
            "target": {
                "source": reverse("scan-image", args=[instance.scan_id]),
                "selector": instance.selector,
            },
            "shape": instance.shape,
            "label": shown_label(instance, reader),
            "comment": instance.comment,
            "creator": str(instance.author_id),
            "creator_name": shown_name(instance.author, reader),
            "mine": instance.author_id == reader.pk,
            "created": instance.created,
            "modified": instance.modified,
            "revision": instance.revision,
        }
        data = de_identified(data, reader)
        said = [("commenting", data["comment"]), ("tagging", data["label"])]
        body = [
            {"type": "TextualBody", "purpose": purpose, "value": value} for purpose, value in said if value
        ]
        return data | {"body": body}


def shown_label(annotation: Annotation, reader: User) -> str:
    """The annotation's label as the reader may know it.

    Earlier versions took free text. Who reads de-identified data sees only labels that a model knows, "" for others.
    """
    if not annotation.label or reader.may(Ability.SEE_PATIENTS):
        return annotation.label
    return known_label(annotation.label, annotation.scan)
