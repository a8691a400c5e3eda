"""The dashboard over the API."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.models import User
from webapp.dashboard.metrics import dashboard_metrics
from webapp.dashboard.serializers import DashboardSerializer, SpanSerializer


class DashboardView(APIView):
    """Metrics of the last days."""

    @extend_schema(parameters=[SpanSerializer], responses=DashboardSerializer)
    def get(self, request: Request) -> Response:
        """Scans per day, what the model said, how far readers agree with it and each other, the queue and its pace."""
        assert isinstance(request.user, User)
        given = SpanSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        metrics = dashboard_metrics(request.user, **given.validated_data)
        return Response(DashboardSerializer(metrics).data)
