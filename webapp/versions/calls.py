"""How calls to the model server went while a canary runs.

They are noted in memory by the threads that ask, which have no connection to the database, and stored by whoever stores
the answers.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import timedelta

from django.db import DatabaseError
from pymongo.errors import PyMongoError

from webapp.core import clock
from webapp.versions.models import Call

log = logging.getLogger(__name__)

MOST_NOTED = 10_000
"""Calls that wait to be stored; older ones are dropped."""
KEPT = timedelta(days=7)

_noted: deque[Call] = deque(maxlen=MOST_NOTED)


def note(rollout: object, version: str, failure: str, ms: float) -> None:
    """Note a call that a canary is to be judged by. Safe from any thread; touches no database."""
    _noted.append(Call(rollout_id=rollout, version=version, failure=failure[:80], ms=ms))


def store() -> None:
    """Store what was noted in this process. What can't be stored is dropped: it must not cost anybody an answer."""
    taken = []
    while _noted:
        try:
            taken.append(_noted.popleft())
        except IndexError:  # another thread was first
            break
    if not taken:
        return
    try:
        Call.objects.bulk_create(taken)
    except (DatabaseError, PyMongoError) as error:
        log.warning("%d calls are not counted for the canary: %s", len(taken), type(error).__name__)


def forget_old() -> None:
    """Remove calls of more than a week ago."""
    Call.objects.filter(at__lt=clock.now() - KEPT).delete()
