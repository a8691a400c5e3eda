"""Notes what `./retinote models` did, a JSON object per line, for the web app's audit to take in.

A file and no call: what is served may change while the database or the web app is down, and `serving/` knows
neither. Whoever reads it keeps count of how far; lines are only ever added.

Who did it is what the operating system says of this process and of the file (`USER` and the like are anybody's to set),
so that a reader can hold one to the other: the kernel lets nobody but root make a file that belongs to somebody else.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from serving.registry import Choice, Registry, undecided
from serving.stores import ModelStores

FILE = "changes.jsonl"
FILE_VARIABLE = "RETINOTE_MODEL_CHANGES"


def file(folder: Path) -> Path:
    """Where changes are noted: in this folder, or where the environment says, as in containers that share one."""
    return Path(os.environ.get(FILE_VARIABLE) or folder / FILE)


def choice_sha256(choice: Choice) -> str:
    """The hash of what was decided for a model: the sha256 of its JSON with sorted keys and no blanks."""
    text = json.dumps(asdict(choice), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def note(
    path: Path, action: str, name: str, version: str, *, weights_sha256: str, before: Choice, after: Choice
) -> None:
    """Add a line and bring it to the disk. Raises OSError when that can't be done."""
    change = {
        "actor": actor(os.getuid()),
        "uid": os.getuid(),
        "action": f"model.{action}",
        "model": f"{name}/{version}",
        "weights_sha256": weights_sha256,
        "before": choice_sha256(before),
        "after": choice_sha256(after),
    }
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with open(descriptor, "ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _end_last_line(descriptor)
        # Now, and not while others held the file: lines stand in the order of their times.
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        file.write(json.dumps({"time": time, **change}).encode() + b"\n")
        os.fsync(descriptor)


@contextmanager
def noted(
    path: Path, registry: Registry, stores: ModelStores, action: str, name: str, version: str
) -> Iterator[None]:
    """Note what is done inside to a version of a model, once it is done."""
    before, weights_sha256 = registry.choice(name), stores.weights_sha256(name, version)
    yield
    note(
        path,
        action,
        name,
        version,
        weights_sha256=weights_sha256,
        before=before,
        after=registry.choice(name),
    )


def note_defaults(
    path: Path, registry: Registry, stores: ModelStores, announce: Callable[[str], None]
) -> None:
    """Decide at a start which version answers of each model that has no default yet (see `undecided`), and say so.

    From then on only `promote` and `rollback` change it.
    """
    for name, version in undecided(stores, registry).items():
        with noted(path, registry, stores, "default", name, version):
            registry.promoted(name, version, stores.weights_sha256(name, version))
        announce(f"{name} {version} answers by default from now on, until another version is promoted")


def _end_last_line(descriptor: int) -> None:
    """What a full disk cut off must not take the next line along."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.write(descriptor, b"\n")


def actor(uid: int) -> str:
    """The operating system's user as records name it: `operator:NAME`, or its number where it has no name here."""
    try:
        return f"operator:{pwd.getpwuid(uid).pw_name[:60]}"
    except KeyError:  # as in many containers
        return f"operator:{uid}"
