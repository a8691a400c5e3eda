"""The values by which lists of scans can be filtered, as far as they depend on the model."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from modalities.guideline import GuidelineError
from webapp.accounts.models import User
from webapp.recommendations.guideline import guideline
from webapp.scans.labels import newest_labels
from webapp.scans.models import Scan


class OptionsSerializer(serializers.Serializer[Any]):
    """The labels and urgencies to choose from."""

    labels = serializers.ListField(
        child=serializers.CharField(),
        help_text="Those that the newest prediction knows, in the alphabet's order.",
    )
    urgencies = serializers.ListField(
        child=serializers.CharField(),
        help_text="Least urgent first: a scan with `urgency_rank` 1 has the first of them, or is to be read first.",
    )


class OptionsView(APIView):
    """The values to choose from in filters."""

    @extend_schema(responses=OptionsSerializer)
    def get(self, request: Request) -> Response:
        """The labels of the model and the urgencies of its recommendations."""
        assert isinstance(request.user, User)
        labels = newest_labels(Scan.objects.visible_to(request.user))
        return Response({"labels": sorted(labels), "urgencies": _urgencies()})


def _urgencies() -> list[str]:
    try:
        found = guideline(settings.MODEL_NAME)
    except GuidelineError:
        return []
    return list(found.tiers.values()) if found else []
