"""What tests of a stack under load share."""

from __future__ import annotations

from pymongo import MongoClient

from benchmarks.resilience.subject import Subject
from tests.stacks import Stack

OLD, NEW = "1.0.0", "1.1.0"


def stack_of(subject: Subject) -> Stack:
    """The same stack, for the commands that are about it."""
    return Stack(subject.data.path, subject.data.path.parent / "store", int(subject.url.rsplit(":", 1)[1]))


def scans(subject: Subject) -> dict[str, dict[str, object]]:
    """All stored scans, by the digest of the file that was sent."""
    with MongoClient[dict[str, object]](subject.data.database_address()) as client:
        return {str(scan["sha256"]): scan for scan in client["retinote"]["scans_scan"].find()}
