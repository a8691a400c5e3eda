"""Which pictures of an export may hold text in their pixels, and so may say whose they are."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from django.core.cache import cache

from imaging.burnt_in import may_hold_text
from webapp.api.errors import StorageAway
from webapp.exports.records import Record
from webapp.scans import storage

THREADS = 2
DEADLINE_S = 40.0
"""Of one export, below what a reverse proxy waits. What is looked at is remembered, so that the next one gets further."""
REMEMBERED_S = 30 * 24 * 3600
LARGE_PIXELS = 4_000_000
"""Larger pictures are looked at one at a time."""
TEXT = "its pixels may hold text"
GONE = "it is gone"
UNREADABLE = "it can't be read, so nobody can tell whether it holds text"
NO_TIME = "there was no time left to look for text in it; export again"
# The number is the rule's version: a changed rule looks anew.
KEY = "text-in-picture:1:{}"
_one_large = threading.Lock()


@dataclass(frozen=True)
class LeftOut:
    """A picture that an export doesn't hold, and why."""

    record: Record
    reason: str


def sorted_out(records: Sequence[Record]) -> tuple[list[Record], list[LeftOut]]:
    """The records whose pictures may go out, and those that are left out, each in their order.

    Those whose picture is gone are in neither. Raises StorageAway.
    """
    reasons = reasons_for(
        {record.scan.image_name: record.scan.width * record.scan.height for record in records}
    )
    return (
        [record for record in records if not reasons[record.scan.image_name]],
        [
            LeftOut(record, reason)
            for record in records
            if (reason := reasons[record.scan.image_name]) not in ("", GONE)
        ],
    )


def reasons_for(pictures: Mapping[str, int]) -> dict[str, str]:
    """Why each stored picture is left out, by its name; "" for one that isn't. `pictures` has the number of their pixels.

    Raises StorageAway.
    """
    known = cache.get_many([KEY.format(name) for name in pictures])
    found = {name: known[KEY.format(name)] for name in pictures if KEY.format(name) in known}
    ends = time.monotonic() + DEADLINE_S

    def look(name: str) -> tuple[str, str]:
        if time.monotonic() > ends:
            return name, NO_TIME
        if pictures[name] <= LARGE_PIXELS:
            return name, _looked_at(name)
        with _one_large:
            return name, _looked_at(name)

    with ThreadPoolExecutor(THREADS) as pool:
        new = dict(pool.map(look, [name for name in pictures if name not in found]))
    lasting = {KEY.format(name): reason for name, reason in new.items() if reason in ("", TEXT)}
    if lasting:
        cache.set_many(lasting, REMEMBERED_S)
    return found | new


def _looked_at(name: str) -> str:
    try:
        read = cv2.imdecode(np.frombuffer(storage.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
        if read is None or read.dtype != np.uint8:
            return UNREADABLE
        grey = np.broadcast_to(read[:, :, None], (*read.shape, 3)) if read.ndim == 2 else read[:, :, :3]
        return TEXT if may_hold_text(np.asarray(grey, np.uint8)) else ""
    except StorageAway:  # it says nothing about the picture
        raise
    except FileNotFoundError:
        return GONE
    except (OSError, cv2.error):
        return UNREADABLE
