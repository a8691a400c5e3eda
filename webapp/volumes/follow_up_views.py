"""A patient's eye over time, over the API."""

from __future__ import annotations

from typing import Any

from django.db.models import prefetch_related_objects
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.scans.disclosure import disclose
from webapp.scans.serializers import ScanSerializer
from webapp.scans.views import ID, visible_scan
from webapp.volumes.follow_up import MOST, NEEDED, follow_up


class FollowUpSerializer(serializers.Serializer[Any]):
    """Scans and volumes of one modality of a patient, or of one eye where the modality shows eyes."""

    missing = serializers.ListField(
        child=serializers.ChoiceField(choices=NEEDED),
        help_text="What has to be entered first: without it nothing is found.",
    )
    more = serializers.BooleanField(
        help_text=f"Whether there are more than these {MOST}, the newest uploads."
    )
    scans = ScanSerializer(
        many=True,
        help_text="The earliest first, by `acquired`, or else by the upload; of a volume the B-scan that stands for it.",
    )


class FollowUpView(APIView):
    """Scans of the same patient or eye over time. Only who sees patients knows which these are."""

    permission_classes = (NeedsAbility,)
    needed_to_look = Ability.SEE_PATIENTS

    @extend_schema(parameters=[ID], responses=FollowUpSerializer)
    def get(self, request: Request, id: str) -> Response:
        """All scans and volumes of the same clinic, modality, patient reference and eye, as far as you may see them."""
        assert isinstance(request.user, User)
        found = follow_up(visible_scan(request.user, id), request.user)
        scans = list(found.scans)
        prefetch_related_objects([scan for scan in scans if scan.volume_id], "volume")
        disclose(request.user, scans)
        shown = ScanSerializer(scans, many=True, context={"request": request}).data
        return Response({"missing": found.missing, "more": found.more, "scans": shown})
