"""What the supervisor has to know of a service, and what it knows of how it fares."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from operations.errors import OperationsError


class CannotRun(OperationsError):
    """Starting the service again would not help: a stack in which it has not been ready yet stops."""


class StackFailed(OperationsError):
    """A service could not be kept running; the text has the last lines of its log."""


@dataclass(frozen=True)
class Service:
    """A program to keep running.

    `probe` says whether it does its work: it may be called often, and must answer within a few seconds. It may do
    what the program needs once it answers, such as registering models. `alive` says whether the program answers at
    all, for one that may answer long before it does its work; without it the probe decides. `needs` names services
    without which this one can't be expected to answer. `prepare` runs before each start.
    """

    name: str
    command: Callable[[], Sequence[str]]
    log: Path
    probe: Callable[[], bool]
    alive: Callable[[], bool] | None = None
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    folder: Path | None = None
    prepare: Callable[[], None] = lambda: None
    address: str = ""
    more_logs: tuple[Path, ...] = ()
    ready_timeout_s: float = 300.0
    grace_s: float = 10.0


@dataclass
class Status:
    """What a service does now. `state` is one of starting, ready, unresponsive, restarting, stopped."""

    name: str
    address: str
    state: str = "starting"
    pid: int | None = None
    since: float = field(default_factory=time.time)
    restarts: int = 0
