"""The description of a service for the supervisor, and its status."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from operations.errors import OperationsError


class CannotRun(OperationsError):
    """Starting the service again would not help. The stack stops if the service has not been ready before."""


class StackFailed(OperationsError):
    """A service could not be kept running; the text has the last lines of its log."""


@dataclass(frozen=True)
class Service:
    """A program to keep running.

    `probe` says whether it works; it is called often, and must return within a few seconds. It may do what is left to
    do once the program answers, such as registering models. `alive` says whether the program answers at all, for one
    that answers long before it works; without it the probe decides. `needs` names services without which this one
    can't be expected to answer. `prepare` is called before each start.
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
    """The present status of a service. `state` is starting, ready, unresponsive, restarting or stopped."""

    name: str
    address: str
    state: str = "starting"
    pid: int | None = None
    since: float = field(default_factory=time.time)
    restarts: int = 0
