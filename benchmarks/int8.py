"""`bench int8`: the int8 engine beside the compiled one, in turns, and the layers that decide.

What int8 changes in the answers depends on the model, and is measured by `./retinote int8`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.engines.settings import COMPILED, INT8
from serving.capacity import core_count

if TYPE_CHECKING:
    from benchmarks.report import Report

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = ("convnext_base", "convnext_tiny", "convnext_femto_ols")
GOAL_ARCHITECTURE, GOAL_BATCH, SPEEDUP = "convnext_base", 8, 1.5
"""Where int8 has to be so many times as fast as the compiled network."""
PASSIVE = {"OMP_WAIT_POLICY": "passive"}
"""Threads that wait take no processor time, which would count as the network's."""
LAYERS = "layer"
TIME, PROCESSOR_TIME, SPEED = "time per batch, explained", "processor time per batch, explained", "speed"
RATIOS = {TIME: "ratio of the times", PROCESSOR_TIME: "ratio of the processor times"}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--architectures",
        nargs="+",
        default=ARCHITECTURES,
        metavar="NAME",
        help="timm names (default: three)",
    )
    parser.add_argument(
        "--batches", nargs="+", type=int, default=(1, 8, 32), metavar="N", help="(default: 1, 8 and 32)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="interleaved turns (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=core_count(), help="(default: all cores)")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write int8.json; returns 0. Raises BenchmarkError."""
    from benchmarks.errors import BenchmarkError
    from benchmarks.report import Report

    if min(arguments.rounds, arguments.threads, *arguments.batches) < 1:
        raise BenchmarkError("--rounds, --threads and --batches: at least 1 is needed.")
    report = Report("int8 beside the compiled network")
    report.notes.append(
        f"{arguments.threads} threads. Weights: random. Ranges: measured on noise. A time is that of the forward pass with "
        "the heat maps of the batch."
    )
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
        for architecture in arguments.architectures:
            print(f"retinote: {architecture}: compiling and measuring", file=sys.stderr, flush=True)
            plan = {
                "folder": name,
                "architecture": architecture,
                "batches": list(arguments.batches),
                "rounds": arguments.rounds,
                "threads": arguments.threads,
            }
            write_down(report, _measured(plan), architecture)
    print(report.text())
    report.save(arguments.out / "int8.json")
    return 0


def _measured(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Run `benchmarks.int8_measuring` in a process of its own. Raises BenchmarkError when it fails."""
    from benchmarks.errors import BenchmarkError

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.int8_measuring", json.dumps(plan)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(plan["threads"]), **PASSIVE},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError("Measuring failed; its messages are above.")
    measured: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return measured


def write_down(report: Report, rows: list[dict[str, Any]], architecture: str) -> None:
    """Add the rows of an architecture, the ratios of its times, and the goal if it is about this one."""
    from benchmarks.report import Goal

    for measured in rows:
        names = ("subject", "condition", "metric", "unit", "values")
        report.add(*(measured[name] for name in names))
    of_it = [row for row in report.rows if row.condition.partition(",")[0] == architecture]
    for row in of_it:
        if row.subject != INT8 or row.metric not in RATIOS:
            continue
        ratio = report.find(COMPILED, row.condition, row.metric).median / row.median
        report.add("compiled / int8", row.condition, RATIOS[row.metric], "", [ratio])
        if (row.condition, row.metric) == (condition(GOAL_ARCHITECTURE, GOAL_BATCH), TIME):
            report.goals.append(Goal(f"compiled / int8, {row.condition}", ratio, SPEEDUP, at_least=True))


def condition(architecture: str, batch: int) -> str:
    """The condition of a row."""
    return f"{architecture}, batch {batch}"
