"""A transaction whose commit is refused is run anew, and leaves nothing of itself behind."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from pymongo.database import Database
from pymongo.errors import InvalidOperation

from webapp.accounts.models import User
from webapp.mongodb.transactions import all_or_nothing

pytestmark = pytest.mark.django_db(transaction=True)


def make(name: str) -> User:
    return User.objects.create(username=name, password="!")


def end_transaction(database: Database[dict[str, Any]]) -> None:
    """Have the server forget the transaction that is open here, as one does that is started again."""
    session = connection.session  # type: ignore[attr-defined]
    database.client.admin.command("killSessions", [{"id": session.session_id["id"]}])


def test_a_refused_commit_is_tried_again(database: Database[dict[str, Any]]) -> None:
    tries = []

    def work() -> None:
        tries.append(make("carla"))
        if len(tries) == 1:
            end_transaction(database)

    all_or_nothing(work)

    assert len(tries) == 2
    assert database["accounts_user"].count_documents({"username": "carla"}) == 1


def test_after_a_commit_that_fails_the_next_transaction_is_a_new_one(
    database: Database[dict[str, Any]],
) -> None:
    def work() -> None:
        make("carla")
        connection.session.abort_transaction()  # type: ignore[attr-defined]

    with pytest.raises(InvalidOperation):
        all_or_nothing(work)
    all_or_nothing(lambda: make("dora"))

    assert [user["username"] for user in database["accounts_user"].find()] == ["dora"]
