"""What each model server says that it serves, in the store that they share.

It stands there and not in the web app's database: a model server reaches the store in any case and knows no database, and
the commands can tell it where no web app runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from serving.shared.errors import StoreError
from serving.shared.objects import Objects

SERVERS = "servers/"
HEARTBEAT_S = 10.0
AWAY_AFTER_S = 45.0
"""A server that has written nothing for so long has ended, or can't reach the store."""
FORGOTTEN_AFTER_S = 24 * 3600.0
READY, LOADING, FAILED = "ready", "loading", "failed"


@dataclass(frozen=True)
class ServedReport:
    """A version on a server. `state` is READY, LOADING or FAILED; `since` says from when on, in seconds of the epoch."""

    name: str
    version: str
    weights_sha256: str
    state: str
    is_default: bool
    since: float
    error: str = ""


@dataclass(frozen=True)
class ServerReport:
    """A server: its versions, when it was started, and what keeps it from doing what the registry says."""

    id: str
    host: str
    started: float
    versions: list[ServedReport] = field(default_factory=list)
    error: str = ""
    age_s: float = 0.0
    """Seconds since it was written, by the store's clock."""
    models: list[str] | None = None
    """The models that it serves, where others are left out on purpose; None where none are."""

    @property
    def is_there(self) -> bool:
        """Whether the server has written lately."""
        return self.age_s <= AWAY_AFTER_S

    def takes(self, name: str) -> bool:
        """Whether versions of a model are to be loaded there."""
        return self.models is None or name in self.models

    def find(self, name: str, version: str) -> ServedReport | None:
        """What it says about a version; None if it doesn't have it."""
        return next((each for each in self.versions if (each.name, each.version) == (name, version)), None)

    def serves(self, name: str, version: str) -> bool:
        """Whether a version is ready on it."""
        found = self.find(name, version)
        return found is not None and found.state == READY

    def default(self, name: str) -> str | None:
        """The version of a model that answers by default there."""
        return next((each.version for each in self.versions if each.name == name and each.is_default), None)


def write(objects: Objects, report: ServerReport) -> None:
    """Write what a server serves. Raises StoreError."""
    content = asdict(report)
    del content["age_s"]
    if report.models is None:  # readers of earlier versions don't know the field
        del content["models"]
    objects.write(f"{SERVERS}{report.id}.json", json.dumps(content, indent=1).encode() + b"\n")


def withdraw(objects: Objects, identity: str) -> None:
    """Delete what a server said, as it ends."""
    with suppress(StoreError):
        objects.delete(f"{SERVERS}{identity}.json")


def forget_old(objects: Objects) -> None:
    """Delete what servers said that have not been heard of for a day. Raises StoreError."""
    for name, age_s in objects.ages(SERVERS).items():
        if age_s > FORGOTTEN_AFTER_S:
            objects.delete(name)


def read_all(objects: Objects) -> list[ServerReport]:
    """What all servers say, those that are there first; one that can't be read is left out. Raises StoreError."""
    reports = []
    for name, age_s in objects.ages(SERVERS).items():
        stored = objects.read(name)
        if stored is not None and (report := _report(stored.content, age_s)):
            reports.append(report)
    return sorted(reports, key=lambda report: (not report.is_there, report.host, report.id))


def there(reports: Sequence[ServerReport]) -> list[ServerReport]:
    """Those that have written lately."""
    return [report for report in reports if report.is_there]


def there_for(reports: Sequence[ServerReport], name: str) -> list[ServerReport]:
    """Those that have written lately and don't leave this model out."""
    return [report for report in there(reports) if report.takes(name)]


def _report(content: bytes, age_s: float) -> ServerReport | None:
    try:
        values: dict[str, Any] = json.loads(content)
        versions = [ServedReport(**version) for version in values.pop("versions")]
        return ServerReport(**values, versions=versions, age_s=age_s)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
