"""Lists come in pages, newest first, each naming the next by a cursor that later uploads don't shift."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from webapp.api.fields import WrittenCountField


class NewestFirst(CursorPagination):
    """Pages of 50, up to 200 by `page_size`."""

    ordering = ("-timestamp", "-id")
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        """How many entries the page has at most. Raises ValidationError."""
        given = request.query_params.get(self.page_size_query_param, self.page_size)
        number = WrittenCountField(min_value=1, max_value=self.max_page_size)
        try:
            size: int = number.run_validation(given)
        except exceptions.ValidationError as error:
            raise exceptions.ValidationError({self.page_size_query_param: error.detail}) from error
        return size

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters, for the API's description."""
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return [
            parameter | {"schema": size} if parameter["name"] == self.page_size_query_param else parameter
            for parameter in super().get_schema_operation_parameters(view)
        ]

    def decode_cursor(self, request: Request) -> Any:
        """What a cursor of ours says; raises NotFound for one that nobody was given."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not _is_moment(str(cursor.position)):
            raise exceptions.NotFound(self.invalid_cursor_message)
        return cursor


def _is_moment(text: str) -> bool:
    """Whether the text is a time with its zone that can be compared with others."""
    try:
        moment = parse_datetime(text) if text.isascii() else None
        return moment is not None and moment.tzinfo is not None and bool(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return False
