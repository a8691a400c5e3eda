"""In which order lists of scans come, page by page."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from django.db.models import Q, TextChoices
from django.utils.dateparse import parse_datetime
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from webapp.api.pagination import NewestFirst
from webapp.audit.viewing import page_of
from webapp.scans.models import Scan


class Ordering(TextChoices):
    """What a reader wants to see first."""

    NEWEST = "newest", "Newest"
    URGENT = "urgent", "Most urgent"
    UNCERTAIN = "uncertain", "Least certain"
    DISPUTED = "disputed", "Most disputed"


# The field that comes first; among equals the newest does. Each has its index in the model.
FIELDS = {
    Ordering.URGENT: "-urgency_rank",
    Ordering.UNCERTAIN: "confidence",
    Ordering.DISPUTED: "-dispute",
}


class ScanPages(NewestFirst):
    """Pages of scans, newest first, of which those on the page alone are recorded as seen."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """The page that the cursor names. Raises NotFound for a cursor of none."""
        return page_of(lambda: super(ScanPages, self).paginate_queryset(queryset, request, view) or [])


class WorklistPages(ScanPages):
    """Pages in the order that `ordering` names.

    A cursor holds the sort keys of the last scan before it: thousands of scans share an urgency, which the plain
    cursor, a value and an offset, can't go through.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """The page that the cursor names. Raises ValidationError for an unknown order, NotFound for a cursor of none."""
        self._keyset = ""
        given = request.query_params.get("ordering", Ordering.NEWEST)
        if given not in Ordering.values:
            known = ", ".join(Ordering.values)
            raise exceptions.ValidationError({"ordering": [f"{given!r} is no order; use one of {known}."]})
        field = FIELDS.get(Ordering(given))
        if field is None:
            return super().paginate_queryset(queryset, request, view)
        self._keyset, self._url = field, request.build_absolute_uri()
        size = self.get_page_size(request)
        key = request.query_params.get(self.cursor_query_param)
        if field == "confidence":  # what has none is not uncertain, but unread by the model
            queryset = queryset.filter(confidence__isnull=False)
        if key:
            queryset = queryset.filter(_after(field, self._decoded(key)))

        def load() -> list[Scan]:
            found = list(queryset.order_by(field, "-timestamp", "-pk")[: size + 1])
            self._last = found[size - 1] if len(found) > size else None
            return found[:size]

        self.page = page_of(load)
        return self.page

    def get_next_link(self) -> str | None:
        """Address of the next page, None on the last."""
        if not self._keyset:
            return super().get_next_link()
        if self._last is None:
            return None
        return replace_query_param(self._url, self.cursor_query_param, _encoded(self._keyset, self._last))

    def get_previous_link(self) -> str | None:
        """Address of the page before; only the order by time knows it."""
        return None if self._keyset else super().get_previous_link()

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters, for the API's description."""
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        schema = {"type": "string", "enum": Ordering.values, "default": Ordering.NEWEST.value}
        return [*parameters, {"name": "ordering", "in": "query", "required": False, "schema": schema}]

    def _decoded(self, cursor: str) -> tuple[float, datetime, ObjectId]:
        try:
            value, moment, key = json.loads(base64.urlsafe_b64decode(cursor))
            timestamp = parse_datetime(moment) if moment.isascii() else None
            if timestamp is None or timestamp.tzinfo is None or not math.isfinite(value):
                raise ValueError
            return float(value), timestamp.astimezone(UTC), ObjectId(key)
        except (AttributeError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise exceptions.NotFound(self.invalid_cursor_message) from error


def _after(field: str, key: tuple[float, datetime, ObjectId]) -> Q:
    """What comes later than the scan with these sort keys."""
    name = field.removeprefix("-")
    value, timestamp, pk = key
    beyond = {f"{name}__lt" if field.startswith("-") else f"{name}__gt": value}
    same = Q(**{name: value})
    return Q(**beyond) | same & Q(timestamp__lt=timestamp) | same & Q(timestamp=timestamp, pk__lt=pk)


def _encoded(field: str, scan: Scan) -> str:
    keys = (getattr(scan, field.removeprefix("-")), scan.timestamp.isoformat(), str(scan.pk))
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode()
