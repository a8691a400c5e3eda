"""One visit to a running server: every number of clients, with and without explanation, and what is written down."""

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
"""Subject, condition, metric, unit: a row of the report to be."""


@dataclass
class Collected:
    """Values by row, one for each round; what else should be known, once each."""

    values: dict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, subject: str, condition: str, metric: str, unit: str, value: float) -> None:
        """Add the value of one round to a row."""
        self.values[subject, condition, metric, unit].append(value)

    def note(self, text: str) -> None:
        """Keep a sentence for the report, once."""
        self.notes[text] = None

    def fill(self, report: Report) -> None:
        """Write everything into a report."""
        for (subject, condition, metric, unit), values in self.values.items():
            report.add(subject, condition, metric, unit, values)
        report.notes.extend(self.notes)


def with_clients(architecture: str, clients: int, explain: bool) -> str:
    """The condition of a cell."""
    return f"{architecture}, {clients} client{'s' if clients > 1 else ''}, {with_explanation(explain)}"


def with_explanation(explain: bool) -> str:
    """The words for a condition."""
    return "with explanation" if explain else "without explanation"


@dataclass(frozen=True)
class Visit:
    """How every server is visited."""

    python: Path
    """The interpreter that has Locust."""
    images: Sequence[bytes]
    clients: Sequence[int]
    seconds: float

    def cells(self) -> Iterator[tuple[int, bool]]:
        """Every number of clients, with and without explanation."""
        return ((clients, explain) for clients in self.clients for explain in (True, False))

    def load(self, target: Target, clients: int, explain: bool) -> Load:
        """Load a server with one cell, and return what came of it."""
        shots = [target.shot(image, explain) for image in self.images]
        return run_load(self.python, target.url, shots, clients=clients, seconds=self.seconds)

    def measure(
        self, name: str, architecture: str, server: Running, collected: Collected
    ) -> dict[tuple[int, bool], Load]:
        """Measure all cells of a running server and write them down; the loads, for what is built on them."""
        loads = {}
        for clients, explain in self.cells():
            load = self.load(server.target, clients, explain)
            loads[clients, explain] = load
            condition = with_clients(architecture, clients, explain)
            collected.add(name, condition, RATE, PER_SECOND, load.per_second)
            if load.times_ms:
                for metric, share in ((P50, 50), (P95, 95), (P99, 99)):
                    collected.add(name, condition, metric, MS, load.percentile_ms(share))
            collected.add(name, condition, ERRORS, COUNT, len(load.problems))
            memory = memory_mib(tree(server.process.pid))
            collected.add(name, condition, MEMORY, MIB, memory)
            if load.problems:
                collected.note(f"{name}, {condition}: first error: {load.problems[0]}")
            if not load.warm:
                collected.note(f"{name}, {condition}: not every client had an answer before measuring began")
        return loads
