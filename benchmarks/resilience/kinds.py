"""The faults that befall a stack: processes killed or frozen, a full disk, a cut network, the whole stack gone."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from benchmarks.resilience.subject import Replica, Subject
from operations.stack.services import MODEL_SERVER, MONGODB, WEB, WORKER

CUT_S = 8.0
"""How long a network is cut and a disk is full: longer than an upload waits for the model server."""
POLL_S = 0.1
FILL_CHUNK_BYTES = 4096


@dataclass(frozen=True)
class Place:
    """Where faults happen."""

    subject: Subject
    replica: Replica
    choice: random.Random


@dataclass(frozen=True)
class Brought:
    """A fault that has ended at that moment (monotonic), and the processes that it took."""

    ended: float
    victims: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fault:
    """A kind of fault. `bring` makes it happen and returns when it has ended.

    What has ended is still to be got over: a killed process is gone, a frozen one stays so until the stack notices.
    `on_replica` says at which web app it is felt.
    """

    name: str
    bring: Callable[[Place], Brought]
    on_replica: bool = False


def kinds(subject: Subject) -> list[Fault]:
    """All kinds that can be brought about here."""
    victims: dict[str, Callable[[Place], int]] = {
        "model worker": lambda place: place.choice.choice(place.subject.children(MODEL_SERVER)),
        "model server": lambda place: place.subject.pid(MODEL_SERVER),
        "MongoDB": lambda place: place.subject.pid(MONGODB),
        "process of the Celery worker": lambda place: place.choice.choice(place.subject.children(WORKER)),
        "Celery worker": lambda place: place.subject.pid(WORKER),
        "gunicorn worker": lambda place: place.choice.choice(place.subject.children(WEB)),
        "gunicorn master": lambda place: place.subject.pid(WEB),
    }
    found = [
        Fault(f"{name} {word}", _signals(number, victim))
        for name, victim in victims.items()
        for word, number in (("killed", signal.SIGKILL), ("frozen", signal.SIGSTOP))
    ]
    found.append(Fault("whole stack killed", _kill_all))
    found.append(Fault("model server cut off", _cut_model_server, on_replica=True))
    found.append(Fault("MongoDB cut off", _cut_database, on_replica=True))
    if subject.disk:
        found.append(Fault("disk full", _fill_disk))
    return found


def together(name: str, faults: Sequence[Fault]) -> Fault:
    """A fault that consists of several at once."""

    def bring(place: Place) -> Brought:
        brought = [fault.bring(place) for fault in faults]
        return Brought(
            max(one.ended for one in brought), tuple(pid for one in brought for pid in one.victims)
        )

    return Fault(name, bring)


def in_rounds(kinds: Sequence[Fault], faults: int, chance: random.Random) -> list[Fault]:
    """So many faults, each kind as often as the others, in rounds of another order each."""
    order: list[Fault] = []
    while len(order) < faults:
        order += chance.sample(kinds, len(kinds))
    return order[:faults]


def _signals(number: signal.Signals, victim: Callable[[Place], int]) -> Callable[[Place], Brought]:
    """Send a signal to a process."""

    def bring(place: Place) -> Brought:
        while True:
            try:
                pid = victim(place)
                os.kill(pid, number)
            except (LookupError, ProcessLookupError):
                Event().wait(POLL_S)  # it is being started just now
            else:
                return Brought(time.monotonic(), (pid,))

    return bring


def _kill_all(place: Place) -> Brought:
    supervisor = place.subject.state["pid"]
    os.kill(supervisor, signal.SIGKILL)
    ended = time.monotonic()
    place.subject.start()
    place.replica.aim(place.subject.state)
    return Brought(ended, (supervisor,))


def _cut_model_server(place: Place) -> Brought:
    place.replica.model_server.cut()
    Event().wait(CUT_S)
    place.replica.model_server.mend()
    return Brought(time.monotonic())


def _cut_database(place: Place) -> Brought:
    place.replica.database.cut()
    Event().wait(CUT_S)
    place.replica.database.mend()
    return Brought(time.monotonic())


def _fill_disk(place: Place) -> Brought:
    disk = place.subject.disk
    assert disk
    filling = disk / "filling"
    try:
        fill(filling)
        Event().wait(CUT_S)
    finally:
        filling.unlink(missing_ok=True)
    return Brought(time.monotonic())


def fill(path: Path) -> None:
    """Write a file that takes all that is left of its disk."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        space = os.statvfs(path)
        os.posix_fallocate(file.fileno(), 0, max(1, (space.f_bavail - 64) * space.f_frsize))
        file.seek(0, os.SEEK_END)
        while True:
            file.write(b"\0" * FILL_CHUNK_BYTES)
