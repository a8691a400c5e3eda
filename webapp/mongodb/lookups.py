"""Lookups that Django doesn't know."""

from __future__ import annotations

from typing import Any

from django.db import models
from django_mongodb_backend.query_utils import process_lhs


@models.BooleanField.register_lookup
@models.IntegerField.register_lookup
class IsMissing(models.Lookup[Any]):
    """`field__is_missing=True`: not there, as in documents of earlier versions, or null.

    In one condition, of which MongoDB sorts by an index what it finds: Django's `isnull` makes two, and it reads and
    sorts all.
    """

    lookup_name = "is_missing"
    prepare_rhs = False

    def as_mql_path(self, compiler: Any, connection: Any) -> dict[str, Any]:
        """The condition, as MongoDB has it."""
        return {process_lhs(self, compiler, connection): {"$eq" if self.rhs else "$ne": None}}
