"""FHIR over the API."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.api.negotiation import PictureNegotiation
from webapp.api.throttling import ExportRate, UserRate
from webapp.fhir.bundle import bundle_of
from webapp.scans.models import Scan
from webapp.scans.views import ID, visible_scan
from webapp.volumes.serializers import lead_of
from webapp.volumes.views import visible_bscans

MEDIA_TYPE = "application/fhir+json"


class FhirView(APIView):
    """A scan for a health record."""

    permission_classes = (NeedsAbility,)
    needed_to_look = Ability.EXPORT
    content_negotiation_class = PictureNegotiation
    throttle_classes = (UserRate, ExportRate)

    @extend_schema(
        parameters=[ID],
        responses={
            (200, MEDIA_TYPE): OpenApiResponse(
                OpenApiTypes.OBJECT, description="A Bundle of FHIR R4 (4.0.1)."
            )
        },
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """Scan, answer, findings and verdicts as a Bundle of FHIR R4: a DiagnosticReport with its Observations, as far as you may know them."""
        assert isinstance(request.user, User)
        return self._sent(bundle_of(visible_scan(request.user, id), request.user))

    def _sent(self, bundle: dict[str, Any]) -> HttpResponse:
        content = json.dumps(bundle, ensure_ascii=False)
        response = HttpResponse(content, content_type=f"{MEDIA_TYPE}; fhirVersion=4.0")
        response["Cache-Control"] = "no-store"
        return response


class VolumeFhirView(FhirView):
    """A volume for a health record."""

    @extend_schema(
        parameters=[ID],
        responses={
            (200, MEDIA_TYPE): OpenApiResponse(
                OpenApiTypes.OBJECT, description="A Bundle of FHIR R4 (4.0.1)."
            )
        },
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """The volume as a Bundle of FHIR R4: that of the B-scan that stands for it, and what the model says of each."""
        assert isinstance(request.user, User)
        # The whole document: that of a list lacks some fields.
        lead = Scan.objects.get(pk=lead_of(visible_bscans(request.user, id), request.user).pk)
        return self._sent(bundle_of(lead, request.user, whole=True))
