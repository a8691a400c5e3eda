"""Lookups that Django doesn't know."""

from __future__ import annotations

from typing import Any

from django.db import models
from django_mongodb_backend.query_utils import process_lhs


@models.BooleanField.register_lookup
@models.CharField.register_lookup
@models.IntegerField.register_lookup
class IsMissing(models.Lookup[Any]):
    """`field__is_missing=True`: the field is null, or missing as in documents of earlier versions.

    It is one condition, whose matches MongoDB can sort by an index. Django's `isnull` makes two, for which MongoDB
    reads and sorts all documents.
    """

    lookup_name = "is_missing"
    prepare_rhs = False

    def as_mql_path(self, compiler: Any, connection: Any) -> dict[str, Any]:
        """The condition in MongoDB's query language."""
        return {process_lhs(self, compiler, connection): {"$eq" if self.rhs else "$ne": None}}
