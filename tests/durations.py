"""Where the time of a run goes: seconds by file and by fixture, shown at its end.

Of a file's seconds, `cpu` are those in which the processor worked for it, in the process that ran it and in those that
it waited for; services that many tests use have their own.

What took long is kept in `costs.json` with `--write-costs`; by it the next run is ordered (`tests/order.py`).
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.order import COSTS, unit_of

WORTH_SHOWING_S = 1.0
WORTH_KEEPING_S = 2.0
PHASES = ("setup", "call", "teardown")
COLUMNS = (*PHASES, "cpu")


@dataclass
class Fixture:
    """How often a fixture was made, and how long that took without the fixtures that it asked for meanwhile."""

    times: int = 0
    seconds: float = 0.0


@dataclass(eq=False)  # a plugin is told from others by its identity
class Durations:
    """A plugin of pytest: measures in the processes that run tests, adds up in the one that controls them."""

    files: dict[str, dict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: dict.fromkeys(COLUMNS, 0.0))
    )
    fixtures: dict[str, Fixture] = field(default_factory=lambda: defaultdict(Fixture))
    units: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _making: list[float] = field(default_factory=list)
    """For each fixture that is being made, the innermost last: seconds that others took meanwhile."""
    _made: list[tuple[str, float]] = field(default_factory=list)
    _processor_s: float = 0.0
    """What this process had used when its test began."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Measure how long a fixture takes."""
        started = time.perf_counter()
        self._making.append(0.0)
        try:
            return (yield)
        finally:
            whole = time.perf_counter() - started
            self._made.append((f"{fixturedef.baseid}::{fixturedef.argname}", whole - self._making.pop()))
            if self._making:
                self._making[-1] += whole

    def pytest_runtest_logstart(self) -> None:
        """Measure from here."""
        self._processor_s = _processor_s()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send along what was measured since the last report, and at a test's end what the processor did for it."""
        report = yield
        report.made_fixtures, self._made = self._made, []  # type: ignore[attr-defined]
        if report.when == "teardown":
            report.processor_s = _processor_s() - self._processor_s  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what a process sent."""
        # The time of a subtest is part of its test's.
        if report.when in PHASES and not hasattr(report, "context"):
            spent = self.files[report.nodeid.partition("::")[0]]
            spent[report.when] += report.duration
            spent["cpu"] += getattr(report, "processor_s", 0.0)
            self.units[unit_of(report.nodeid)] += report.duration
        for name, seconds in getattr(report, "made_fixtures", ()):
            made = self.fixtures[name]
            made.times += 1
            made.seconds += seconds

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what took long, and keep it where that was asked for."""
        lines = [*self._file_lines(), *self._fixture_lines()]
        if lines:
            terminalreporter.write_sep("=", "where the time went")
        for line in lines:
            terminalreporter.write_line(line)
        if terminalreporter.config.getoption("write_costs"):
            kept = {
                name: round(seconds) for name, seconds in self.units.items() if seconds >= WORTH_KEEPING_S
            }
            by_cost = dict(sorted(kept.items(), key=lambda item: (-item[1], item[0])))
            COSTS.write_text(json.dumps(by_cost, indent=2) + "\n", encoding="utf-8")

    def _file_lines(self) -> Iterator[str]:
        totals = sorted(
            ((sum(spent[phase] for phase in PHASES), name) for name, spent in self.files.items()),
            reverse=True,
        )
        shown = [(total, name) for total, name in totals if total >= WORTH_SHOWING_S]
        if not shown:
            return
        yield " ".join(["seconds", *(f"{name:>8}" for name in COLUMNS), " file"])
        for total, name in shown:
            yield _row(total, self.files[name], name)
        rest = totals[len(shown) :]
        for listed, name in ((rest, f"{len(rest)} other files"), (totals, f"all {len(totals)} files")):
            spent = {column: sum(self.files[file][column] for _, file in listed) for column in COLUMNS}
            yield _row(sum(total for total, _ in listed), spent, name)

    def _fixture_lines(self) -> Iterator[str]:
        dearest = sorted(self.fixtures.items(), key=lambda item: -item[1].seconds)
        shown = [(name, made) for name, made in dearest if made.seconds >= WORTH_SHOWING_S]
        if shown:
            yield f"seconds {'times':>8}  fixture"
        for name, made in shown:
            yield f"{made.seconds:7.1f} {made.times:8}  {name}"


def _row(total: float, spent: dict[str, float], name: str) -> str:
    return " ".join([f"{total:7.1f}", *(f"{spent[column]:8.1f}" for column in COLUMNS), f" {name}"])


def _processor_s() -> float:
    """Seconds that processors worked for this process, and for those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
