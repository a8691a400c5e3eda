"""Which readings the dashboard counts. No more of them are loaded: there are many, of all clinics and all times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from bson import ObjectId
from django.db.models import Model, QuerySet

from webapp.reviews.models import Review
from webapp.scans.models import ScanQuerySet

AT_ONCE = 10_000
"""Ids in one query."""
OfScan = TypeVar("OfScan", bound=Model)


def scans_read(readings: QuerySet[Review], known: ScanQuerySet) -> dict[ObjectId, str | None]:
    """Those of the known scans that the readings are of, with their modality."""
    keys = sorted(readings.order_by().values_list("scan_id", flat=True).distinct())
    found: dict[ObjectId, str | None] = {}
    for at in range(0, len(keys), AT_ONCE):
        among = known.order_by().filter(pk__in=keys[at : at + AT_ONCE])
        found.update(among.values_list("pk", "modality"))
    return found


def by_scans(found: QuerySet[OfScan], scans: Iterable[ObjectId]) -> Iterator[QuerySet[OfScan]]:
    """What was found of these scans: queries for some scans each, with all of each scan in one of them."""
    keys = sorted(scans)
    for at in range(0, len(keys), AT_ONCE):
        yield found.filter(scan__in=keys[at : at + AT_ONCE])
