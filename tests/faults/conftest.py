"""A supervisor whose words and records can be read, and small services for it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.stack.runner import Pace
from operations.stack.service import Service, Status
from operations.stack.supervisor import Supervisor
from tests.waiting import wait_for


class Watched:
    """A supervisor together with what it said and recorded."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.statuses: dict[str, Status] = {}
        self.states: list[tuple[str, str]] = []
        self.supervisor = Supervisor(
            self.lines.append,
            self._record,
            pace=Pace(quick_death_s=5.0, first_pause_s=0.01, check_every_s=0.05),
        )

    def _record(self, statuses: list[Status]) -> None:
        for status in statuses:
            if status.name not in self.statuses or self.states[-1:] != [(status.name, status.state)]:
                self.states.append((status.name, status.state))
            self.statuses[status.name] = Status(**vars(status))

    def pid(self, name: str) -> int:
        """Process id of a service that runs."""
        return wait_for(lambda: self.statuses[name].pid if name in self.statuses else None)

    def said(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in list(self.lines))


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    with made.supervisor:
        yield made


def service(folder: Path, name: str, script: str, *, ready: str | None = "up", **options: object) -> Service:
    """A shell script as service, ready when its log has the word `ready`."""
    log = folder / f"{name}.log"

    def probe() -> bool:
        return ready is None or (log.exists() and ready in log.read_text())

    return Service(name=name, command=lambda: ["sh", "-c", script], log=log, probe=probe, **options)  # type: ignore[arg-type]


RUNS = "echo up; exec sleep 1000"
