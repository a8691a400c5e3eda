"""Notes each change by `./retinote models` as a line of JSON, for the web app's audit to take in.

It is a file, as what is served may change while the database or the web app is down, and `serving/` knows neither.
Lines are only ever added, and a reader keeps track of how far it has read.

The user is the one that the operating system names for this process and as the owner of the file; variables such as
`USER` can be set by anybody. A reader compares the two: the kernel lets nobody but root make a file that belongs to
somebody else.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from serving.registry import Choice, Registry, missing_defaults
from serving.stores import ModelStores

FILE = "changes.jsonl"
FILE_VARIABLE = "RETINOTE_MODEL_CHANGES"
ROLLBACK = "rollback"


def file(folder: Path) -> Path:
    """The file of changes: in this folder, or as RETINOTE_MODEL_CHANGES says, as in containers that share a folder."""
    return Path(os.environ.get(FILE_VARIABLE) or folder / FILE)


def choice_sha256(choice: Choice) -> str:
    """The sha256 of the JSON of the decisions for a model, with sorted keys and no blanks."""
    text = json.dumps(asdict(choice), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def note(
    path: Path,
    action: str,
    name: str,
    version: str,
    *,
    weights_sha256: str,
    before: Choice,
    after: Choice,
    withdrawn: Mapping[str, str] | None = None,
    gate: str = "",
    override: str = "",
) -> None:
    """Add a line and write it to the disk. Raises OSError if that fails.

    `withdrawn` has the versions that a rollback has taken back, with the sha256 of their weights. `gate` is the hash of
    the gate that a comparison wrote, `override` the reason for promoting without a passed one.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with open(descriptor, "ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _end_last_line(descriptor)
        # Described once the lock is held, so that lines are in the order of their times.
        change = described(
            action,
            name,
            version,
            weights_sha256=weights_sha256,
            before=before,
            after=after,
            withdrawn=withdrawn,
            gate=gate,
            override=override,
        )
        file.write(json.dumps(change).encode() + b"\n")
        os.fsync(descriptor)


def described(
    action: str,
    name: str,
    version: str,
    *,
    weights_sha256: str,
    before: Choice,
    after: Choice,
    withdrawn: Mapping[str, str] | None = None,
    gate: str = "",
    override: str = "",
) -> dict[str, object]:
    """A change that is made now, by the user of this process."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "actor": actor(os.getuid()),
        "uid": os.getuid(),
        "action": f"model.{action}",
        "model": f"{name}/{version}",
        "weights_sha256": weights_sha256,
        "before": choice_sha256(before),
        "after": choice_sha256(after),
        **({"gate": gate} if gate else {}),
        **({"override": override} if override else {}),
        **({"withdrawn": dict(withdrawn)} if withdrawn else {}),
    }


def withdrawn(action: str, name: str, before: Choice, after: Choice, stores: ModelStores) -> dict[str, str]:
    """The versions that an action has taken back, with the sha256 of their weights: only a rollback does."""
    gone = [known for known in before.promoted if known not in after.promoted] if action == ROLLBACK else []
    return {known: before.weights.get(known) or stores.weights_sha256(name, known) for known in gone}


@contextmanager
def noted(
    path: Path,
    registry: Registry,
    stores: ModelStores,
    action: str,
    name: str,
    version: str,
    *,
    gate: str = "",
    override: str = "",
) -> Iterator[None]:
    """Note the action on a version of a model that is done within this context, once it has succeeded."""
    before, weights_sha256 = registry.choice(name), stores.weights_sha256(name, version)
    yield
    after = registry.choice(name)
    note(
        path,
        action,
        name,
        version,
        weights_sha256=weights_sha256,
        before=before,
        after=after,
        withdrawn=withdrawn(action, name, before, after, stores),
        gate=gate,
        override=override,
    )


def note_defaults(
    path: Path,
    registry: Registry,
    stores: ModelStores,
    announce: Callable[[str], None],
    may_begin: Callable[[str], bool] = lambda name: True,
) -> None:
    """Note a default version for each model that has none yet (see `missing_defaults`), and announce it.

    `may_begin` says by a model's name whether it may have one without a promotion. From then on only `promote` and
    `rollback` change it.
    """
    for name, version in missing_defaults(stores, registry).items():
        if not may_begin(name):
            continue
        with noted(path, registry, stores, "default", name, version):
            registry.note_promoted(name, version, stores.weights_sha256(name, version))
        announce(f"{name} {version} answers by default from now on, until another version is promoted")


def _end_last_line(descriptor: int) -> None:
    """End a line that a full disk has cut off, so that the next line can be read."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.write(descriptor, b"\n")


def actor(uid: int) -> str:
    """The operating system's user as records name it: `operator:NAME`, or its number if it has no name."""
    try:
        return f"operator:{pwd.getpwuid(uid).pw_name[:60]}"
    except KeyError:  # as in many containers
        return f"operator:{uid}"
