"""The history over the API."""

from __future__ import annotations

from itertools import chain
from typing import Any

from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.accounts.models import User
from webapp.annotations.models import Annotation, disclose_shapes
from webapp.history.serializers import HistorySerializer
from webapp.scans.views import VisibleScansViewSet
from webapp.scans.worklist import ScanPages


class HistoryViewSet(mixins.ListModelMixin, VisibleScansViewSet):
    """The history: an entry for each scan, newest first."""

    serializer_class = HistorySerializer
    pagination_class = ScanPages

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What was uploaded, what the model said of it, and what people drew."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        assert isinstance(request.user, User)
        drawn = Annotation.objects.by_scan(page, request.user)
        disclose_shapes(request.user, chain.from_iterable(drawn.values()))
        context = {**self.get_serializer_context(), "annotations": drawn}
        return self.get_paginated_response(HistorySerializer(page, many=True, context=context).data)
