"""Whether a call with a service key is let through, and counting it.

All that is known of a key's calls lies in its one document, and one update of it looks at the key, at its limit, and
counts: atomic, so that of calls that come at the same moment on several machines none is lost and none slips over
the limit. A counter in a cache would be faster by a millisecond and would lose, with the cache, what it had counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import ceil
from typing import Any

from django.db import connection
from pymongo import ReturnDocument

from webapp.gateway.issuing import digest
from webapp.gateway.models import ServiceKey

MINUTE = timedelta(minutes=1)
# A key has 56 characters; what is longer needs no hashing to be none.
LONGEST_KEY = 100


class Outcome(StrEnum):
    """What became of a call."""

    ALLOWED = "allowed"
    LIMITED = "limited"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Admission:
    """What became of a call; `retry_after_s` says when a limited one may come again."""

    outcome: Outcome
    service: str = ""
    retry_after_s: int = 0


def admit(text: str) -> Admission:
    """Let a call with this key through or not, and count it. Raises pymongo's errors when MongoDB is away.

    The key is looked up by its digest, so how long that takes tells nothing of a key that is nearly right. MongoDB's
    clock decides, which is the same for all who ask it.
    """
    if not 0 < len(text) <= LONGEST_KEY:
        return Admission(Outcome.UNKNOWN)
    collection = connection.get_collection(ServiceKey._meta.db_table)  # type: ignore[attr-defined]
    found: dict[str, Any] | None = collection.find_one_and_update(
        {"key_sha256": digest(text)}, COUNT, return_document=ReturnDocument.AFTER
    )
    if found is None:
        return Admission(Outcome.UNKNOWN)
    service, now = found["service"], found["last_used"]
    if found["revoked_at"] is not None:
        return Admission(Outcome.REVOKED, service)
    if found["expires"] is not None and found["expires"] <= now:
        return Admission(Outcome.EXPIRED, service)
    if found["minute_calls"] > found["calls_per_minute"]:
        left = found["minute_began"] + MINUTE - now
        return Admission(Outcome.LIMITED, service, max(1, ceil(left.total_seconds())))
    return Admission(Outcome.ALLOWED, service)


def _same_minute() -> dict[str, Any]:
    ends = {"$dateAdd": {"startDate": "$minute_began", "unit": "second", "amount": 60}}
    return {"$and": [{"$ne": ["$minute_began", None]}, {"$lt": ["$$NOW", ends]}]}


_USABLE = {
    "$and": [
        {"$eq": ["$revoked_at", None]},
        {"$or": [{"$eq": ["$expires", None]}, {"$gt": ["$expires", "$$NOW"]}]},
    ]
}
_ALLOWED = {"$and": [_USABLE, {"$lte": ["$minute_calls", "$calls_per_minute"]}]}
# The stages see what those before them have set: first the minute, then the verdict on it. A call of a minute that is
# used up makes its count one more than the limit and no more, which is how the caller recognises it.
COUNT: list[dict[str, Any]] = [
    {
        "$set": {
            "last_used": "$$NOW",
            "minute_began": {"$cond": [_same_minute(), "$minute_began", "$$NOW"]},
            "minute_calls": {
                "$cond": [
                    _same_minute(),
                    {"$min": [{"$add": ["$minute_calls", 1]}, {"$add": ["$calls_per_minute", 1]}]},
                    1,
                ]
            },
        }
    },
    {
        "$set": {
            "calls": {"$add": ["$calls", {"$cond": [_ALLOWED, 1, 0]}]},
            "refused_calls": {"$add": ["$refused_calls", {"$cond": [_ALLOWED, 0, 1]}]},
        }
    },
]
