"""Claims: one worker alone reads an arrival, for as long as it renews its claim."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from django.db import DatabaseError, connections
from django.db.models import F, QuerySet
from pymongo.errors import PyMongoError

from webapp.core import clock
from webapp.receiver.models import Arrival, Instance

CLAIM = timedelta(seconds=30)
"""It is renewed while the arrival is read; the claim of a worker that dies runs out."""
RENEWED_S = 10.0
PAUSE = timedelta(minutes=1)
"""After a fault that is not the instances' own, such as a full disk."""


class Lost(Exception):
    """Another worker has claimed the arrival meanwhile."""


def claim(key: str) -> Arrival | None:
    """The arrival, claimed by this worker; None while another one reads it."""
    first = Instance.objects.filter(arrival=key).order_by("received").first()
    if first is None:
        return None
    Arrival.objects.get_or_create(
        key=key,
        defaults={
            "clinic": first.clinic,
            "study_uid": first.study_uid,
            "series_uid": first.series_uid,
            "sender": first.sender,
        },
    )
    now = clock.now()
    token = secrets.token_hex(16)
    free = Arrival.objects.filter(key=key, claimed_until__lte=now)
    if not free.update(claimed_until=now + CLAIM, claim=token, attempts=F("attempts") + 1):
        return None
    return Arrival.objects.filter(key=key, claim=token).first()


def claimed(arrival: Arrival) -> QuerySet[Arrival]:
    """The arrival's document while this worker holds its claim."""
    return Arrival.objects.filter(key=arrival.key, claim=arrival.claim)


@contextmanager
def renewing(arrival: Arrival) -> Iterator[None]:
    """Renew the claim, in a thread of its own, until the arrival is read."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(RENEWED_S):
            with suppress(DatabaseError, PyMongoError):
                claimed(arrival).update(claimed_until=clock.now() + CLAIM)
        connections.close_all()

    thread = threading.Thread(target=renew, name="renewing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def later(arrival: Arrival) -> None:
    """End the claim so that the arrival is read after a pause: what had no room or no memory is not at fault."""
    claimed(arrival).update(claimed_until=clock.now() + PAUSE, attempts=arrival.attempts - 1)
