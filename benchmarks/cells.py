"""Measures a running server with each number of clients, with and without explanation, and collects the values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import Load, Target, run_load
from benchmarks.memory import memory_mib, tree
from benchmarks.report import Report
from benchmarks.torchserve import Running

RATE, P50, P95, P99 = "throughput", "p50", "p95", "p99"
ERRORS, MEMORY = "errors", "memory of all its processes"
PER_SECOND, MS, MIB, COUNT = "1/s", "ms", "MiB", "requests"
Key = tuple[str, str, str, str]
"""Subject, condition, metric and unit of a row of the report."""


@dataclass
class Measurements:
    """Values of each row, one for each round, and notes, each of them once."""

    values: dict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, subject: str, condition: str, metric: str, unit: str, value: float) -> None:
        """Add the value of one round to a row."""
        self.values[subject, condition, metric, unit].append(value)

    def note(self, text: str) -> None:
        """Add a sentence to the report, if it is not there yet."""
        self.notes[text] = None

    def fill(self, report: Report) -> None:
        """Add all rows and notes to a report."""
        for (subject, condition, metric, unit), values in self.values.items():
            report.add(subject, condition, metric, unit, values)
        report.notes.extend(self.notes)


def with_clients(architecture: str, clients: int, explain: bool) -> str:
    """The condition of a cell."""
    return f"{architecture}, {clients} client{'s' if clients > 1 else ''}, {with_explanation(explain)}"


def with_explanation(explain: bool) -> str:
    """The words for a condition with or without explanation."""
    return "with explanation" if explain else "without explanation"


@dataclass(frozen=True)
class Visit:
    """How each server is measured; a cell is a number of clients, with or without explanation."""

    python: Path
    """The interpreter that has Locust."""
    images: Sequence[bytes]
    clients: Sequence[int]
    seconds: float

    def cells(self) -> Iterator[tuple[int, bool]]:
        """Every number of clients, with and without explanation."""
        return ((clients, explain) for clients in self.clients for explain in (True, False))

    def load(self, target: Target, clients: int, explain: bool) -> Load:
        """Put the load of one cell on a server."""
        load_requests = [target.request(image, explain) for image in self.images]
        return run_load(self.python, target.url, load_requests, clients=clients, seconds=self.seconds)

    def measure(
        self, name: str, architecture: str, server: Running, measurements: Measurements
    ) -> dict[tuple[int, bool], Load]:
        """Measure all cells of a running server and record them; returns the loads by cell."""
        loads = {}
        for clients, explain in self.cells():
            load = self.load(server.target, clients, explain)
            loads[clients, explain] = load
            condition = with_clients(architecture, clients, explain)
            measurements.add(name, condition, RATE, PER_SECOND, load.per_second)
            if load.times_ms:
                for metric, share in ((P50, 50), (P95, 95), (P99, 99)):
                    measurements.add(name, condition, metric, MS, load.percentile_ms(share))
            measurements.add(name, condition, ERRORS, COUNT, len(load.problems))
            memory = memory_mib(tree(server.process.pid))
            measurements.add(name, condition, MEMORY, MIB, memory)
            if load.problems:
                measurements.note(f"{name}, {condition}: first error: {load.problems[0]}")
            if not load.warm:
                measurements.note(
                    f"{name}, {condition}: not every client had an answer before measuring began"
                )
        return loads
