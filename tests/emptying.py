"""Emptying the web app's database after a test, without making anew what all tests leave as it is.

Django's own way writes the content types and permissions of all models again each time, which takes several times as
long as the rest.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.apps import apps
from django.db import connections
from django.test import TransactionTestCase
from pymongo.database import Database

KEPT = frozenset({"django_content_type", "auth_permission"})
"""Written once, by the migrations."""


def quicken() -> None:
    """Let Django empty databases this way."""
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined]


def _empty(test: TransactionTestCase) -> None:
    for alias in test._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        database = connections[alias].database
        for name in _holding_anything(database):
            database[name].delete_many({})


def _holding_anything(database: Database[dict[str, Any]]) -> list[str]:
    """The collections with a document in them, found by one question: emptying all of them takes ten times as long."""
    first, *others = sorted(set(_of_models()) - KEPT)

    def look(name: str) -> list[dict[str, Any]]:
        return [{"$limit": 1}, {"$project": {"_id": 0, "holds": {"$literal": name}}}]

    unions = [{"$unionWith": {"coll": name, "pipeline": look(name)}} for name in others]
    return [found["holds"] for found in database[first].aggregate([*look(first), *unions])]


@cache
def _of_models() -> tuple[str, ...]:
    """The collections of all models."""
    return tuple({model._meta.db_table for model in apps.get_models(include_auto_created=True)})
