"""Emptying the web app's database after a test, without making anew what all tests leave as it is.

Django's own way writes the content types and permissions of all models again each time, which takes several times as
long as the rest.
"""

from __future__ import annotations

from django.db import connections
from django.test import TransactionTestCase

KEPT = frozenset({"django_content_type", "auth_permission"})
"""Written once, by the migrations."""


def quicken() -> None:
    """Let Django empty databases this way."""
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined]


def _empty(test: TransactionTestCase) -> None:
    for alias in test._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        connection = connections[alias]
        written = connection.introspection.django_table_names(only_existing=True, include_views=False)
        for name in set(written) - KEPT:
            connection.database[name].delete_many({})
