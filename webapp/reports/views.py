"""Reports over the API."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from webapp.accounts.abilities import Ability
from webapp.accounts.deidentified import shown
from webapp.accounts.models import User
from webapp.accounts.permissions import NeedsAbility
from webapp.api.negotiation import PictureNegotiation
from webapp.api.throttling import ExportRate, UserRate
from webapp.core import clock
from webapp.scans import room
from webapp.scans.views import ID, visible_scan


class ReportView(APIView):
    """The report of a scan, on one page."""

    permission_classes = (NeedsAbility,)
    needed_to_look = Ability.EXPORT
    content_negotiation_class = PictureNegotiation
    throttle_classes = (UserRate, ExportRate)

    @extend_schema(
        parameters=[ID],
        responses={
            (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, description="One page of A4.")
        },
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """Scan, heat map, findings, drawing, probabilities, recommendation and readers as PDF, as far as you may know them."""
        # Imported on demand: the libraries that write PDF take memory and time to load.
        from webapp.reports.layout import pdf
        from webapp.reports.report import report_of

        assert isinstance(request.user, User)
        scan = visible_scan(request.user, id)
        try:
            with room.taken_for(scan.image_name, with_overlay=bool(scan.heatmap_name)):
                content = pdf(report_of(scan, request.user), clock.now())
        except FileNotFoundError as error:
            raise Http404 from error
        response = HttpResponse(content, content_type="application/pdf")
        response["Content-Disposition"] = (
            f'attachment; filename="retinote-{shown("id", str(scan.pk), request.user)}.pdf"'
        )
        response["Cache-Control"] = "no-store"
        return response
