"""The modalities that a user works with, and the values by which their scans can be filtered."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from modalities import Profile
from modalities.guideline import GuidelineError
from webapp.accounts.models import User
from webapp.core import modalities, numbers
from webapp.recommendations.guideline import guideline
from webapp.scans.labels import all_newest_labels, newest_labels
from webapp.scans.models import Scan

MODALITY = OpenApiParameter("modality", str, description="The name of one of `modalities`.", required=False)


class LabelSerializer(serializers.Serializer[Any]):
    """A label, and what people read for it."""

    name = serializers.CharField()
    title = serializers.CharField()


class GroupSerializer(serializers.Serializer[Any]):
    """Labels that make one answer where they can't be told apart."""

    title = serializers.CharField()
    labels = serializers.ListField(child=serializers.CharField())


class ChoiceSerializer(serializers.Serializer[Any]):
    """A value of a field, and what people read for it."""

    value = serializers.CharField()
    title = serializers.CharField()


class ScanFieldSerializer(serializers.Serializer[Any]):
    """A field that scans of the modality have: one of the choices, or nothing."""

    name = serializers.CharField()
    title = serializers.CharField()
    choices = ChoiceSerializer(many=True)


class WindowSerializer(serializers.Serializer[Any]):
    """A preset of brightness: what is black and what white, as shares of the picture's own range."""

    title = serializers.CharField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class FindingLookSerializer(serializers.Serializer[Any]):
    """A kind of finding that a model may mark: its code and name, and how it is drawn."""

    kind = serializers.CharField()
    title = serializers.CharField()
    colour = serializers.CharField(help_text="Of its line: #rrggbb.")
    hatch = serializers.CharField(
        help_text="The path of an SVG, in a square of 8, with which its place is filled."
    )


class ModalitySerializer(serializers.Serializer[Any]):
    """A modality, as its profile says it."""

    name = serializers.CharField()
    title = serializers.CharField()
    picture = serializers.CharField(help_text="The word for one picture.")
    volumes = serializers.BooleanField(help_text="Whether files with many pictures are volumes of it.")
    eye = serializers.BooleanField(help_text="Whether a picture is one of an eye.")
    labels = serializers.ListField(child=LabelSerializer(), help_text="In the order for people.")
    groups = GroupSerializer(many=True)
    fields = serializers.ListField(  # type: ignore[assignment]
        child=ScanFieldSerializer(), help_text="What `fields` of a scan may say."
    )
    windows = WindowSerializer(many=True)
    size_unit = serializers.ChoiceField(
        choices=list(numbers.UNITS),
        help_text="In which people see and enter lengths; numbers of the API are micrometres.",
    )
    area_unit = serializers.ChoiceField(
        choices=list(numbers.AREAS),
        help_text="In which people see areas, and volumes in its cube; numbers of the API are mm².",
    )
    least_pixel = serializers.FloatField(help_text="The least width and height of a pixel, in micrometres.")
    most_pixel = serializers.FloatField(help_text="The greatest of both.")
    findings = FindingLookSerializer(many=True, help_text="What its models may mark; empty: nothing.")
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="Sentences that stand beside each answer."
    )
    words = serializers.DictField(child=serializers.CharField(), help_text="Texts that differ, by key.")
    formats = serializers.ListField(
        child=serializers.CharField(), help_text="Formats of files that belong to it; empty: all pictures."
    )
    model = serializers.CharField(help_text="Its name at the model server.")
    urgencies = serializers.ListField(child=serializers.CharField(), help_text="Least urgent first.")


class OptionsSerializer(serializers.Serializer[Any]):
    """The modalities, and the labels and urgencies to choose from."""

    labels = serializers.ListField(
        child=serializers.CharField(),
        help_text="Those that the newest prediction of each modality knows, in the alphabet's order.",
    )
    urgencies = serializers.ListField(
        child=serializers.CharField(),
        help_text="Least urgent first: a scan with `urgency_rank` 1 has the first of them, or is to be read first. Those of "
        "the first modality, where none is named.",
    )
    modalities = ModalitySerializer(many=True, help_text="Those that you work with, the default first.")
    most_picture_bytes = serializers.IntegerField(help_text="Of a file with one picture.")
    most_volume_bytes = serializers.IntegerField(help_text="Of the files of a volume together.")


class OptionsView(APIView):
    """The modalities, and the values to choose from in filters."""

    @extend_schema(parameters=[MODALITY], responses=OptionsSerializer)
    def get(self, request: Request) -> Response:
        """What you may upload, the labels of the models and the urgencies of their recommendations."""
        assert isinstance(request.user, User)
        scans, name = Scan.objects.visible_to(request.user), request.query_params.get("modality", "")
        profiles = modalities.of_user(request.user.modalities)
        chosen = next((each for each in profiles if each.name == name), None)
        if name and chosen is None:
            known = ", ".join(each.name for each in profiles)
            raise exceptions.ValidationError({"modality": [f"Give one of: {known}."]})
        labels = newest_labels(scans.of_modality(name)) if chosen else all_newest_labels(scans)
        first = chosen or next(iter(profiles), None)
        return Response(
            {
                "labels": sorted(labels),
                "urgencies": _urgencies(first) if first else [],
                "modalities": [_told(each) for each in profiles],
                "most_picture_bytes": settings.MAX_UPLOAD_BYTES,
                "most_volume_bytes": settings.MAX_VOLUME_BYTES,
            }
        )


def _told(profile: Profile) -> dict[str, Any]:
    told = {
        "name": profile.name,
        "title": profile.title,
        "picture": profile.picture,
        "volumes": profile.volumes,
        "eye": profile.eye,
        "labels": [{"name": name, "title": title} for name, title in profile.labels.items()],
        "groups": [{"title": title, "labels": labels} for title, labels in profile.groups.items()],
        "fields": profile.fields,
        "windows": profile.windows,
        "size_unit": profile.units.size,
        "area_unit": profile.units.area,
        "least_pixel": profile.units.least_pixel,
        "most_pixel": profile.units.most_pixel,
        "findings": [
            {"kind": kind, "title": look.title, "colour": look.colour, "hatch": look.hatch}
            for kind, look in profile.findings.items()
        ],
        "notes": profile.notes,
        "words": profile.words,
        "formats": profile.formats,
        "model": profile.model,
        "urgencies": _urgencies(profile),
    }
    return dict(ModalitySerializer(told).data)


def _urgencies(profile: Profile) -> list[str]:
    try:
        found = guideline(profile.model)
    except GuidelineError:
        return []
    return list(found.tiers.values()) if found else []
