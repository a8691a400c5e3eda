"""Reading a volume to its end after its upload was answered. Whatever ends this early leaves the rest to the worker."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from bson import ObjectId
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from pymongo.errors import PyMongoError

from webapp.scans import prediction
from webapp.scans.models import Scan
from webapp.scans.prediction import Asked

log = logging.getLogger(__name__)

# One volume at a time in a process: others would take the connections that pictures need, and end no earlier.
_reading = ThreadPoolExecutor(1, thread_name_prefix="reading")


def read_on(volume_id: ObjectId | None, asked: Sequence[Asked]) -> None:
    """Have the rest of a volume predicted, in a thread: the B-scans that were asked about, then those in the queue."""
    _reading.submit(_read_to_the_end, volume_id, asked)


def _read_to_the_end(volume_id: ObjectId | None, asked: Sequence[Asked]) -> None:
    try:
        due = Scan.objects.due().filter(volume=volume_id)
        prediction.predict_together(_from_the_middle(list(due.values_list("pk", "place"))), asked)
    except (DatabaseError, PyMongoError, OSError, RuntimeError) as error:  # the last when the process ends
        log.warning("Volume %s is left to the worker: %s", volume_id, type(error).__name__)
    finally:
        # The thread stays, and would hold on to a client that may be closed before the next volume.
        with suppress(AttributeError):
            del connections[DEFAULT_DB_ALIAS]


def _from_the_middle(found: list[tuple[ObjectId, int]]) -> list[ObjectId]:
    middle = sum(place for _, place in found) / max(1, len(found))
    return [key for key, _ in sorted(found, key=lambda entry: abs(entry[1] - middle))]
