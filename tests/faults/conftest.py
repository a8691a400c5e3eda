"""A supervisor whose words and records can be read, with small services for it; and a stack to load and to kill."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.faults import draw_scans
from benchmarks.resilience.clients import Account, Pictures
from benchmarks.resilience.subject import Subject, small_disk
from benchmarks.stack import UNLIMITED
from operations.stack.folder import DataFolder
from operations.stack.runner import Pace
from operations.stack.service import Service, Status
from operations.stack.supervisor import Supervisor
from tests.faults.under_load import NEW, OLD
from tests.models import make_model
from tests.services import free_ports
from tests.stacks import Stack
from tests.waiting import wait_for

DISK_MIB = 1024


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


@pytest.fixture(scope="package")
def pictures() -> Pictures:
    """B-scans of usual size, none of them twice."""
    return Pictures(draw_scans(seed=1))


@pytest.fixture(scope="package")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Subject, Account]]:
    """A running stack on a small disk (where one can be mounted), with two versions of a model in its store.

    Tests that load or kill it are of the xdist_group `faults`. Each leaves it running, with NEW as its only version.
    """
    folder = tmp_path_factory.mktemp("faults")
    for seed, version in enumerate((OLD, NEW)):
        # Of one opinion, so that no guardrail stops the one beside the other.
        make_model(folder / "store", version=version, seed=seed, says="CNV")
    data = DataFolder(folder / "var")
    with small_disk(data.media, DISK_MIB) as mounted:
        stack = Stack(data.path, folder / "store", free_ports(1)[0], variables=UNLIMITED)
        try:
            account = Account("admin", stack.up().password)
            yield Subject(data, stack.url, stack.up, data.media if mounted else None), account
        finally:
            stack.down()
