"""Keeps a scan from being deleted while something is written about it."""

from __future__ import annotations

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
    changes = [
        UpdateOne({"_id": scan_id}, {"$set": {MARK: True}}),
        UpdateOne({"_id": scan_id}, {"$unset": {MARK: ""}}),
    ]
    scans = connection.get_collection(Scan._meta.db_table)  # type: ignore[attr-defined]
    if not scans.bulk_write(changes, session=connection.session).matched_count:  # type: ignore[attr-defined]
        raise Scan.DoesNotExist
