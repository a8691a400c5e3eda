"""Admits calls with a service key, and counts them.

All counts of a key are in its one document. One atomic update checks the key and its limit, and counts: of calls at the
same moment on several machines, none is lost and none slips over the limit. A counter in a cache would be a millisecond
faster, and its counts would be lost with the cache.
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
LONGEST_KEY = 100
"""A key has 56 characters. What is far longer is no key and is not hashed."""


class Outcome(StrEnum):
    """What became of a call."""

    ALLOWED = "allowed"
    LIMITED = "limited"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Admission:
    """What became of a call of `service`; `retry_after_s` says when a limited one may come again.

    `clinic` is that to which an admitted one may send studies; "" where it may not.
    """

    outcome: Outcome
    service: str = ""
    retry_after_s: int = 0
    clinic: str = ""


def admit(text: str) -> Admission:
    """Admit a call with this key or refuse it, and count it. Raises pymongo's errors when MongoDB is away.

    The key is looked up by its digest, so the time that this takes tells nothing about a key that is nearly right.
    MongoDB's clock decides, which is the same for all web apps.
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
    return Admission(Outcome.ALLOWED, service, clinic=found.get("clinic") or "")


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
"""Each stage sees what those before it have set: first the minute, then the counts. In a minute that is used up, a call
raises the minute's count to one above the limit and no further, by which `admit` recognises it."""
