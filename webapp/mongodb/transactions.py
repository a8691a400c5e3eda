"""Transactions that are tried again when they conflict with another one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import DatabaseError
from django.db.transaction import get_connection
from django_mongodb_backend import transaction
from pymongo.errors import PyMongoError

T = TypeVar("T")

# A person still waits so long; conflicts are over within milliseconds.
LIMIT_S = 5.0
LONGEST_PAUSE_S = 0.05
# MongoDB's label of errors after which nothing was written, and the same may work now.
TRANSIENT = "TransientTransactionError"


def all_or_nothing(work: Callable[[], T]) -> T:
    """Run `work` in one transaction and return what it returns.

    MongoDB refuses at once to change what another open transaction has changed. `work` is then run again, so it must
    start from what it reads itself and change nothing but documents. Raises what `work` raises.
    """
    ends = time.monotonic() + LIMIT_S
    while True:
        try:
            with _commit_or_nothing():
                return work()
        except (DatabaseError, PyMongoError) as error:
            if not _is_transient(error) or time.monotonic() > ends:
                raise
        time.sleep(random.uniform(0, LONGEST_PAUSE_S))  # nosec B311 # no secret


@contextmanager
def _commit_or_nothing() -> Iterator[None]:
    """A transaction that ends even when its commit fails.

    The backend ends a session after its own errors, but not after the driver's errors in a commit: the thread would
    keep the dead session and use it for all that follows.
    """
    try:
        with transaction.atomic():
            yield
    except BaseException:
        connection = get_connection()
        if connection.session and not connection.in_atomic_block_mongo:
            connection.session.end_session()
            connection.session = None
            connection.run_on_commit = []
        raise


def _is_transient(error: BaseException) -> bool:
    # The backend wraps the driver's errors, but not those of a commit.
    cause = error if isinstance(error, PyMongoError) else error.__cause__
    return isinstance(cause, PyMongoError) and cause.has_error_label(TRANSIENT)
