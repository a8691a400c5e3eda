"""FHIR over the API."""

from __future__ import annotations

import json

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
from webapp.scans.views import ID, visible_scan

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
        content = json.dumps(bundle_of(visible_scan(request.user, id), request.user), ensure_ascii=False)
        response = HttpResponse(content, content_type=f"{MEDIA_TYPE}; fhirVersion=4.0")
        response["Cache-Control"] = "no-store"
        return response
