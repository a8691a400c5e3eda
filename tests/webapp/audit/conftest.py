"""The audit as tests look at it: new records, their actions, and the command that verifies the chain."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from webapp.audit import sealing
from webapp.audit.models import Record

NewRecords = Callable[[], list[Record]]


@pytest.fixture
def new_records(db: None) -> NewRecords:
    """The records since the last look, sealed, oldest first."""
    sealing.seal()
    seen = [sealing.head().number]

    def look() -> list[Record]:
        sealing.seal()
        found = list(Record.objects.filter(number__gt=seen[0]).order_by("number"))
        seen[0] += len(found)
        return found

    return look


def actions_of(records: list[Record]) -> list[tuple[str, str]]:
    """The action and the actor of each record."""
    return [(record.action, record.actor) for record in records]


def verified(*arguments: str) -> tuple[int, str]:
    """Exit status and output of `verify_audit`."""
    output = io.StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=output)
    except SystemExit as end:
        return int(str(end.code)), output.getvalue()
    return 0, output.getvalue()


def collection(model: Any) -> Any:
    """The model's collection, as somebody sees it who has got into the database."""
    from django.db import connection

    return connection.get_collection(model._meta.db_table)  # type: ignore[attr-defined]
