"""Transactions that try again when another one was in their way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError
from django_mongodb_backend import transaction
from pymongo.errors import PyMongoError

T = TypeVar("T")

# What a person still waits for; conflicts are over within milliseconds.
LIMIT_S = 5.0
LONGEST_PAUSE_S = 0.05
# MongoDB's own word for "nothing was written, and the same may work now".
TRANSIENT = "TransientTransactionError"


def all_or_nothing(work: Callable[[], T]) -> T:
    """Run `work` in one transaction and return what it returns.

    MongoDB refuses at once what another open transaction has changed. It is run anew then, so it must start from
    what it reads itself and change nothing but documents. Raises what it raises.
    """
    ends = time.monotonic() + LIMIT_S
    while True:
        try:
            with transaction.atomic():
                return work()
        except (DatabaseError, PyMongoError) as error:
            if not _is_transient(error) or time.monotonic() > ends:
                raise
        time.sleep(random.uniform(0, LONGEST_PAUSE_S))  # nosec B311 # no secret


def _is_transient(error: BaseException) -> bool:
    # The backend wraps the driver's errors, but for those of the commit itself.
    cause = error if isinstance(error, PyMongoError) else error.__cause__
    return isinstance(cause, PyMongoError) and cause.has_error_label(TRANSIENT)
