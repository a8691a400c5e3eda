"""Adds records of backups and restores to those that wait to be sealed into the web app's audit chain.

They go into the database itself, as containers have no other place that both can reach. This module knows the names of
the web app's collections and fields; tests compare them with its models.
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
    """Record which user of the operating system made or restored the backup that was taken at the time `taken`.

    `before` is the head of the chain that a restore replaces, if there was one.
    """
    waiting.insert_one(_document(action, "backup", taken, before=before, after=archive_sha256))


def record_withheld(
    waiting: Collection[dict[str, Any]], changes: Iterable[tuple[str, str, str]], *, archive_sha256: str
) -> None:
    """Record what a restore withheld, each by action, kind and id.

    They have the hash of the backup: only the web app can make that of a document, and `hashing` 0 tells the two apart.
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
    """The hash of the newest sealed record; empty if there is none."""
    document = database[HEAD].find_one() or {}
    return str(document.get("hash", ""))
