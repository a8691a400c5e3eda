"""The kinds of fault: processes killed or frozen, a full disk, a cut network, the whole stack killed."""

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
"""How long a network is cut or a disk is full: longer than an upload waits for the model server."""
POLL_S = 0.1
FILL_CHUNK_BYTES = 4096


@dataclass(frozen=True)
class FaultContext:
    """What faults act on: the stack, its second web app, and the random choice of a process."""

    subject: Subject
    replica: Replica
    choice: random.Random


@dataclass(frozen=True)
class FaultOutcome:
    """When a fault ended (seconds of `time.monotonic`), and the processes that it killed or froze."""

    ended: float
    victims: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fault:
    """A kind of fault. `bring` brings it about and returns when it has ended.

    The stack has to recover then: a killed process is gone, a frozen one stays frozen until the stack notices.
    `on_replica` is set when the second web app is affected.
    """

    name: str
    bring: Callable[[FaultContext], FaultOutcome]
    on_replica: bool = False


def kinds(subject: Subject) -> list[Fault]:
    """All kinds that can be brought about on this machine."""
    victims: dict[str, Callable[[FaultContext], int]] = {
        "model worker": lambda context: context.choice.choice(context.subject.children(MODEL_SERVER)),
        "model server": lambda context: context.subject.pid(MODEL_SERVER),
        "MongoDB": lambda context: context.subject.pid(MONGODB),
        "process of the Celery worker": lambda context: context.choice.choice(
            context.subject.children(WORKER)
        ),
        "Celery worker": lambda context: context.subject.pid(WORKER),
        "gunicorn worker": lambda context: context.choice.choice(context.subject.children(WEB)),
        "gunicorn master": lambda context: context.subject.pid(WEB),
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

    def bring(context: FaultContext) -> FaultOutcome:
        outcome = [fault.bring(context) for fault in faults]
        return FaultOutcome(
            max(one.ended for one in outcome), tuple(pid for one in outcome for pid in one.victims)
        )

    return Fault(name, bring)


def in_rounds(kinds: Sequence[Fault], faults: int, chance: random.Random) -> list[Fault]:
    """As many faults as `faults` says, in rounds; each round has all kinds in a random order."""
    order: list[Fault] = []
    while len(order) < faults:
        order += chance.sample(kinds, len(kinds))
    return order[:faults]


def _signals(
    number: signal.Signals, victim: Callable[[FaultContext], int]
) -> Callable[[FaultContext], FaultOutcome]:
    """A function that sends a signal to the process that `victim` chooses."""

    def bring(context: FaultContext) -> FaultOutcome:
        while True:
            try:
                pid = victim(context)
                os.kill(pid, number)
            except (LookupError, ProcessLookupError):
                Event().wait(POLL_S)  # the process is just being started
            else:
                return FaultOutcome(time.monotonic(), (pid,))

    return bring


def _kill_all(context: FaultContext) -> FaultOutcome:
    supervisor = context.subject.state["pid"]
    os.kill(supervisor, signal.SIGKILL)
    ended = time.monotonic()
    context.subject.start()
    context.replica.aim(context.subject.state)
    return FaultOutcome(ended, (supervisor,))


def _cut_model_server(context: FaultContext) -> FaultOutcome:
    context.replica.model_server.cut()
    Event().wait(CUT_S)
    context.replica.model_server.mend()
    return FaultOutcome(time.monotonic())


def _cut_database(context: FaultContext) -> FaultOutcome:
    context.replica.database.cut()
    Event().wait(CUT_S)
    context.replica.database.mend()
    return FaultOutcome(time.monotonic())


def _fill_disk(context: FaultContext) -> FaultOutcome:
    disk = context.subject.disk
    assert disk
    filling = disk / "filling"
    try:
        fill(filling)
        Event().wait(CUT_S)
    finally:
        filling.unlink(missing_ok=True)
    return FaultOutcome(time.monotonic())


def fill(path: Path) -> None:
    """Write a file that fills its disk."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        space = os.statvfs(path)
        os.posix_fallocate(file.fileno(), 0, max(1, (space.f_bavail - 64) * space.f_frsize))
        file.seek(0, os.SEEK_END)
        while True:
            file.write(b"\0" * FILL_CHUNK_BYTES)
