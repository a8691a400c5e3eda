"""Keeps a scan from being deleted while something is written about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bson import ObjectId
from django.db import connection
from pymongo import UpdateOne

from webapp.scans.models import Scan

MARK = "held"
"""A field that no document has outside of the transaction that sets it."""


def hold(scan_id: ObjectId) -> None:
    """Have the transaction that calls this conflict with one that deletes the scan: of the two, one is run again.

    MongoDB checks no references, and lets a document be written whose scan another transaction deletes at that moment.
    To read the scan would not keep that off, nor to write what it has already. Raises Scan.DoesNotExist.
    """
    if not _mark([scan_id]):
        raise Scan.DoesNotExist


def hold_some(scan_ids: Collection[ObjectId]) -> set[ObjectId]:
    """Hold those of some scans that are there, and return them.

    Nobody else can change them meanwhile: the transaction has to be short, and many scans are taken in parts.
    """
    there = set(Scan.objects.filter(pk__in=list(scan_ids)).values_list("pk", flat=True))
    if there:
        _mark(there)
    return there


def _mark(scan_ids: Iterable[ObjectId]) -> int:
    """Change the scans and leave them as they were; returns how many changes found their scan."""
    changes = [
        UpdateOne({"_id": scan_id}, change)
        for scan_id in scan_ids
        for change in ({"$set": {MARK: True}}, {"$unset": {MARK: ""}})
    ]
    scans = connection.get_collection(Scan._meta.db_table)  # type: ignore[attr-defined]
    found: int = scans.bulk_write(changes, session=connection.session).matched_count  # type: ignore[attr-defined]
    return found
