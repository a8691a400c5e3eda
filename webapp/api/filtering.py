"""Filters lists by query parameters."""

from __future__ import annotations

from typing import Any

from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.contrib.django_filters import DjangoFilterExtension


class FilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    """Filters by the view's `filterset_class`. An empty value filters nothing, so that forms may be half filled in."""


class FilterDescription(DjangoFilterExtension):  # type: ignore[no-untyped-call]
    """Describes the parameters in the API's description."""

    target_class = "webapp.api.filtering.FilterBackend"
    priority = 1

    def get_schema_operation_parameters(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """The parameters, which may be empty; the general description leaves that out."""
        described: list[dict[str, Any]] = super().get_schema_operation_parameters(*args, **kwargs)  # type: ignore[no-untyped-call]
        return [parameter | {"allowEmptyValue": True} for parameter in described]

    def resolve_filter_field(self, auto_schema: Any, model: Any, *args: Any) -> list[dict[str, Any]]:
        """The parameter of a filter, with the longest text; the general description leaves that out."""
        described: list[dict[str, Any]] = super().resolve_filter_field(auto_schema, model, *args)  # type: ignore[no-untyped-call]
        longest = args[-1].extra.get("max_length")
        if longest is not None:
            for parameter in described:
                parameter["schema"]["maxLength"] = longest
        return described
