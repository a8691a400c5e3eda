"""`bench int8`: what int8 would bring beside the compiled bf16 network, and what it would change in the answers.

There is no engine for int8 (docs/decisions/0083-int8-measured-not-served.md). This benchmark measures the speed of the
layers and of a whole compiled network, and how far answers and heat maps lie from float32's.
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

from serving.capacity import core_count

if TYPE_CHECKING:
    from benchmarks.report import Report

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "model_store" / "retina-oct"
SPEEDUP, OTHER_LABELS, DIFFERENCE, CORRELATION = 1.5, 0.005, 0.02, 0.98
"""What int8 has to reach: times as fast as compiled bf16, share of other first labels, difference of probabilities for
99 % of scans, and correlation of heat maps (the mean of all scans)."""
WHOLE, LAYERS = "whole network", "layer"
TIME = "time per batch"


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--arch", default="convnext_base", help="whose speed is measured (default: %(default)s)"
    )
    parser.add_argument(
        "--batches", nargs="+", type=int, default=(8, 1), metavar="N", help="(default: 8 and 1)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="interleaved turns (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=core_count(), help="(default: all cores)")
    parser.add_argument(
        "--scans",
        type=Path,
        metavar="DIR",
        help="scans whose answers are compared (default: 64 simulated ones, on which calibration is as well)",
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=("speed", "answers"),
        default=("speed", "answers"),
        help="(default: both)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write int8.json; returns 0. Raises BenchmarkError."""
    from benchmarks.errors import BenchmarkError
    from benchmarks.report import Report

    if min(arguments.rounds, arguments.threads, *arguments.batches) < 1:
        raise BenchmarkError("--rounds, --threads and --batches: at least 1 is needed.")
    report = Report("int8 beside bf16")
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
        plan = {
            "folder": name,
            "architecture": arguments.arch,
            "batches": list(arguments.batches),
            "rounds": arguments.rounds,
            "threads": arguments.threads,
            "model": str(max(MODEL.iterdir())),
            "scans": str(arguments.scans.absolute()) if arguments.scans else None,
            "parts": list(arguments.parts),
        }
        write_down(report, _measured(plan), arguments.arch)
    print(report.text())
    report.save(arguments.out / "int8.json")
    return 0


def _measured(plan: dict[str, Any]) -> dict[str, Any]:
    """Run `benchmarks.int8_measuring` in a process of its own. Raises BenchmarkError when it fails."""
    from benchmarks.errors import BenchmarkError

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.int8_measuring", json.dumps(plan)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(plan["threads"])},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError("Measuring failed; its messages are above.")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def write_down(report: Report, measured: dict[str, Any], architecture: str) -> None:
    """Add the rows and goals of what was measured."""
    from benchmarks.report import Goal

    for row in measured.get("rows", []):
        report.add(row["subject"], row["condition"], row["metric"], row["unit"], row["values"])
    for batch in measured.get("batches", []):
        condition = f"{architecture}, batch {batch}"
        times = {each: report.find(f"{WHOLE}, {each}", condition, TIME).median for each in ("bf16", "int8")}
        report.goals.append(
            Goal(
                f"bf16 / int8, time of the whole network, {condition}",
                times["bf16"] / times["int8"],
                SPEEDUP,
                at_least=True,
            )
        )
    if answers := measured.get("answers"):
        report.goals += [
            Goal("int8: share of other first labels", answers["other_labels"], OTHER_LABELS),
            Goal("int8: difference of probabilities, 99 % of scans below", answers["difference"], DIFFERENCE),
            Goal("int8: correlation of heat maps, mean", answers["correlation"], CORRELATION, at_least=True),
        ]
    report.notes += measured.get("notes", [])
