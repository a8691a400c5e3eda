"""Pages of lists, newest first; each names the next by a cursor that later uploads don't shift."""

from __future__ import annotations

import json
from typing import Any

from rest_framework import exceptions
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from webapp.api.fields import WrittenCountField
from webapp.core import opaque


class NewestFirst(CursorPagination):
    """Pages of 50 entries, or up to 200 by `page_size`. Cursors are opaque, as not everybody may know the sort keys."""

    ordering: tuple[str, ...] = ("-timestamp", "-id")
    order = "newest"
    """Which lists its cursors are valid for."""
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        """The most entries of the page. Raises ValidationError."""
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

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The cursor of the request, None without one; raises NotFound for one that nobody was given."""
        word = request.query_params.get(self.cursor_query_param)
        if not word:
            return None
        return Cursor(*self.opened(word, self.order))

    def encode_cursor(self, cursor: Cursor) -> str:
        """The address of the page that begins at the cursor."""
        return self.address_of(str(self.base_url), list(cursor), self.order)

    def address_of(self, url: str, keys: list[Any], order: str) -> str:
        """The address with a cursor of these sort keys, which is valid only for lists of the same order."""
        word = opaque.close(f"cursor {order}", json.dumps(keys))
        return str(replace_query_param(url, self.cursor_query_param, word))

    def opened(self, word: str, order: str) -> Any:
        """The sort keys of a cursor; raises NotFound for one that nobody was given."""
        try:
            return json.loads(opaque.open_word(f"cursor {order}", word))
        except ValueError as error:
            raise exceptions.NotFound(self.invalid_cursor_message) from error
