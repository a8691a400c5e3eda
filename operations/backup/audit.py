"""Leaves a record of a backup or a restore among those that wait to be sealed into the web app's audit chain.

It goes into the database itself: in a container there is no other place that both reach. The web app is known here by
the names of its collections and fields alone; tests hold them to its models.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pymongo.collection import Collection

from operations.backup.documents import AnyDatabase
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
    waiting.insert_one(_document(action, "backup", taken, before=before, after=archive_sha256))


def record_withheld(
    waiting: Collection[dict[str, Any]], changes: Iterable[tuple[str, str, str]], *, archive_sha256: str
) -> None:
    """Write down what a restore kept out, each by action, kind and id.

    The hash is the backup's in place of the document's, which only the web app makes: `hashing` says so.
    """
    for action, kind, object_id in changes:
        waiting.insert_one(_document(action, kind, object_id, after=archive_sha256))


def _document(action: str, kind: str, object_id: str, *, before: str = "", after: str) -> dict[str, Any]:
    return {
        "time": datetime.now(UTC),
        "actor": actor(os.getuid()),
        "action": action,
        "kind": kind,
        "object_id": object_id,
        "scan_id": "",
        "before": before,
        "after": after,
        "weights_sha256": "",
        "request_id": "",
        "actor_name": "",
        "scan_ids": [],
        "asked": "",
        "hashing": 0,
    }


def head(database: AnyDatabase) -> str:
    """Hash of the newest sealed record; empty while there is none."""
    found = database[HEAD].find_one() or {}
    return str(found.get("hash", ""))
