"""Where the time of a run goes: seconds by file and by fixture, shown at its end.

What took long is kept in `costs.json` with `--write-costs`; by it the next run is ordered (`tests/order.py`).
"""

from __future__ import annotations

import json
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


@dataclass
class Fixture:
    """How often a fixture was made, and how long that took without the fixtures that it asked for meanwhile."""

    times: int = 0
    seconds: float = 0.0


@dataclass(eq=False)  # a plugin is told from others by its identity
class Durations:
    """A plugin of pytest: measures in the processes that run tests, adds up in the one that controls them."""

    files: dict[str, dict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: dict.fromkeys(PHASES, 0.0))
    )
    fixtures: dict[str, Fixture] = field(default_factory=lambda: defaultdict(Fixture))
    units: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _making: list[float] = field(default_factory=list)
    """For each fixture that is being made, the innermost last: seconds that others took meanwhile."""
    _made: list[tuple[str, float]] = field(default_factory=list)

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

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send along what was measured since the last report."""
        report = yield
        report.made_fixtures, self._made = self._made, []  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what a process sent."""
        if report.when in PHASES and not hasattr(
            report, "context"
        ):  # the report of a subtest is part of another
            self.files[report.nodeid.partition("::")[0]][report.when] += report.duration
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
        totals = sorted(((sum(spent.values()), name) for name, spent in self.files.items()), reverse=True)
        shown = [(total, name) for total, name in totals if total >= WORTH_SHOWING_S]
        if not shown:
            return
        yield f"{'seconds':>8} {'setup':>7} {'call':>7} {'teardown':>8}  file"
        for total, name in shown:
            spent = self.files[name]
            yield f"{total:8.1f} {spent['setup']:7.1f} {spent['call']:7.1f} {spent['teardown']:8.1f}  {name}"
        rest = sum(total for total, _ in totals[len(shown) :])
        yield f"{rest:8.1f} {'':24}  {len(totals) - len(shown)} other files"
        yield f"{sum(total for total, _ in totals):8.1f} {'':24}  all {len(totals)} files"

    def _fixture_lines(self) -> Iterator[str]:
        dearest = sorted(self.fixtures.items(), key=lambda item: -item[1].seconds)
        shown = [(name, made) for name, made in dearest if made.seconds >= WORTH_SHOWING_S]
        if shown:
            yield f"{'seconds':>8} {'times':>7}  fixture"
        for name, made in shown:
            yield f"{made.seconds:8.1f} {made.times:7}  {name}"
