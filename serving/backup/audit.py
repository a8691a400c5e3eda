"""Leaves a record of a backup or a restore among those that wait to be sealed into the web app's audit chain.

It goes into the database itself: in a container there is no other place that both reach. The web app is known here by
the names of its collections and fields alone; tests hold them to its models.
"""

import os
from datetime import UTC, datetime
from typing import Any

from pymongo.collection import Collection

from serving.backup.documents import AnyDatabase
from serving.changes import actor

WAITING, SEALED, HEAD = "audit_waitingrecord", "audit_record", "audit_head"
RECORDS = (SEALED, WAITING)
BACKUP, RESTORE = "backup.create", "backup.restore"


def record(
    waiting: Collection[dict[str, Any]], action: str, taken: str, *, archive_sha256: str, before: str = ""
) -> None:
    """Write down who of the operating system made or restored the backup that was taken at that moment.

    `before` is the head of the chain that a restore cuts off, where there was one.
    """
    waiting.insert_one(
        {
            "time": datetime.now(UTC),
            "actor": actor(os.getuid()),
            "action": action,
            "kind": "backup",
            "object_id": taken,
            "scan_id": "",
            "before": before,
            "after": archive_sha256,
            "weights_sha256": "",
            "request_id": "",
            "actor_name": "",
            "scan_ids": [],
            "asked": "",
            "hashing": 0,
        }
    )


def head(database: AnyDatabase) -> str:
    """Hash of the newest sealed record; empty while there is none."""
    found = database[HEAD].find_one() or {}
    return str(found.get("hash", ""))
