"""The report of a benchmark: rows with all repetitions, goals, and the machine that was measured."""

from __future__ import annotations

import json
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from serving.capacity import core_count, processor_facts

PACKAGES = ("torch", "timm", "openvino", "onnxruntime", "torchserve", "django", "pymongo")


@dataclass(frozen=True)
class Row:
    """One measured quantity; `values` are its repetitions in `unit`, one for each interleaved round."""

    subject: str
    """What was measured, such as "compiled bf16"."""
    condition: str
    """Under which condition, such as "convnext_base, batch 8"."""
    metric: str
    """Which quantity, such as "time per batch"."""
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of all repetitions."""
        return statistics.median(self.values)


@dataclass(frozen=True)
class Goal:
    """A value that should be at most `limit`, or at least `limit` if `at_least` is set."""

    name: str
    value: float
    limit: float
    at_least: bool = False
    unit: str = ""

    @property
    def reached(self) -> bool:
        """Whether the value keeps the limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass
class Report:
    """The rows and goals of one benchmark run."""

    title: str
    rows: list[Row] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, subject: str, condition: str, metric: str, unit: str, values: Iterable[float]) -> Row:
        """Add a row and return it."""
        row = Row(subject, condition, metric, unit, tuple(values))
        self.rows.append(row)
        return row

    def find(self, subject: str, condition: str, metric: str) -> Row:
        """The row of that name; raises LookupError when it wasn't measured."""
        for row in self.rows:
            if (row.subject, row.condition, row.metric) == (subject, condition, metric):
                return row
        raise LookupError(f"{self.title} has no row {subject}, {condition}, {metric}")

    def text(self) -> str:
        """The report as text: a table of rows with median and range, then the goals and notes."""
        lines = [self.title, ""]
        heads = ("condition", "subject", "metric", "median", "lowest", "highest", "unit")
        lines += _table([heads, *(_cells(row) for row in self.rows)])
        if self.goals:
            lines += [
                "",
                *_table([("goal", "value", "limit", ""), *(_goal_cells(goal) for goal in self.goals)]),
            ]
        lines += ["", *self.notes] if self.notes else []
        return "\n".join(lines)

    def save(self, path: Path) -> None:
        """Write everything, with the machine and the command, as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "title": self.title,
            "machine": machine(),
            "command": command(),
            "date": time.strftime("%Y-%m-%d"),
            "rows": [asdict(row) | {"median": row.median} for row in self.rows],
            "goals": [asdict(goal) | {"reached": goal.reached} for goal in self.goals],
            "notes": self.notes,
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read what `save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            Row(row["subject"], row["condition"], row["metric"], row["unit"], tuple(row["values"]))
            for row in content["rows"]
        ]
        goals = [
            Goal(**{name: value for name, value in goal.items() if name != "reached"})
            for goal in content["goals"]
        ]
        return cls(content["title"], rows, goals, content["notes"])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` percent do not exceed."""
    return sorted(values)[max(0, -int(-share * len(values) // 100) - 1)]


def machine() -> dict[str, Any]:
    """The machine that was measured: processor, cores, memory, versions."""
    return {
        "processor": _processor(),
        "cores": core_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def command() -> str:
    """The command line that repeats the measurement."""
    return shlex.join(["./retinote", *sys.argv[1:]])


def _processor() -> str:
    facts = processor_facts()
    if not facts:
        return platform.processor()
    flags = facts.get("flags", "").split()
    wide = [name for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if name in flags]
    return f"{facts.get('model name', platform.processor())} ({', '.join(wide[:2]) or 'no AVX2'})"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (_number(value) for value in (row.median, min(row.values), max(row.values)))
    return (row.condition, row.subject, row.metric, *numbers, row.unit)


def _goal_cells(goal: Goal) -> tuple[str, ...]:
    sign = "≥" if goal.at_least else "≤"
    value = f"{_number(goal.value)} {goal.unit}".strip()
    return (
        goal.name,
        value,
        f"{sign} {goal.limit:g} {goal.unit}".strip(),
        "reached" if goal.reached else "MISSED",
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
