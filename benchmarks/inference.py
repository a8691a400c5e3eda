"""`bench inference`: the forward pass and its explanation in process, with each engine that a user could choose."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.card_statistics import MAHALANOBIS, METHODS
from serving.capacity import core_count

if TYPE_CHECKING:
    from benchmarks.report import Report

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = ("convnext_atto", "convnext_tiny", "convnext_base")
BATCHES = (1, 8)
TIME, SPEED, SHARE = "time per batch", "speed", "share of the matrix peak"
FORWARD, PAIR, JUDGED = "forward", "forward + Grad-CAM", "familiarity and sets"
OURS = "Retinote"
RIVALS = ("OpenVINO", "ONNX Runtime fp32")
EXPLAIN_LIMIT = 1.05
ENGINE_LIMIT = 1.0
JUDGED_LIMIT_MS = 0.3
"""For a batch, after its forward pass."""
HOME_SCANS = 1000
REFERENCES = 64


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--architectures", nargs="+", default=ARCHITECTURES, metavar="NAME", help="timm names (default: all)"
    )
    parser.add_argument(
        "--batches", nargs="+", type=int, default=BATCHES, metavar="N", help="(default: 1 and 8)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="interleaved turns (default: %(default)s)")
    parser.add_argument(
        "--device", default="cpu", help="cpu, or cuda:0 for the first GPU (default: %(default)s)"
    )
    parser.add_argument(
        "--alone", action="store_true", help="measure Retinote's own alone, without other packages"
    )
    parser.add_argument(
        "--method", default=MAHALANOBIS, choices=METHODS, help="of the statistics (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=core_count(), help="(default: all cores)")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write inference.json and inference.png; returns 0. Raises BenchmarkError."""
    from benchmarks.environment import peers_python
    from benchmarks.report import Report

    python = sys.executable if arguments.alone else peers_python()
    report = Report("The forward pass in process")
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
        for architecture in arguments.architectures:
            print(f"retinote: {architecture}: compiling and measuring", file=sys.stderr, flush=True)
            _write_down(report, architecture, _measure(str(python), Path(name), architecture, arguments))
    report.notes.append(f"{arguments.threads} threads. Weights: random. Images: noise, uint8, in memory.")
    report.notes.append(
        f"Statistics: {arguments.method}, of {HOME_SCANS} made-up scans, {REFERENCES} references."
    )
    print(report.text())
    report.save(arguments.out / "inference.json")
    _draw(report, arguments)
    return 0


def _measure(python: str, folder: Path, architecture: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run `benchmarks.engines` in a process of its own; returns its measurements. Raises BenchmarkError."""
    from benchmarks.errors import BenchmarkError
    from benchmarks.models import give_statistics, make_model

    model = make_model(folder / architecture, architecture=architecture)
    described = [f"reference {number}" for number in range(REFERENCES)]
    give_statistics(model, home_scans=HOME_SCANS, method=arguments.method, nearest=described)
    plan = {
        "model": str(model),
        "batches": list(arguments.batches),
        "rounds": arguments.rounds,
        "threads": arguments.threads,
        "device": arguments.device,
        "cache": str(folder / "engines"),
        "alone": arguments.alone,
    }
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(arguments.threads), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, "-m", "benchmarks.engines", json.dumps(plan)],
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"Measuring {architecture} failed.\n{done.stderr.strip()[-2000:]}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _draw(report: Report, arguments: argparse.Namespace) -> None:
    from benchmarks.plots import bars

    panels = {
        f"{architecture}, batch {batch}": {
            row.subject: row.values
            for row in report.rows
            if row.condition == f"{architecture}, batch {batch}" and row.metric == TIME
        }
        for architecture in arguments.architectures
        for batch in arguments.batches
    }
    bars(
        arguments.out / "inference.png",
        panels,
        axis="milliseconds a batch (median, lowest, highest)",
        title=report.title,
    )


def _write_down(report: Report, architecture: str, measured: dict[str, Any]) -> None:
    """Add the rows and goals of one architecture to the report."""
    from benchmarks.report import Goal

    report.notes += [note for note in measured["notes"] if note not in report.notes]
    peak = measured["peak_gflops"]
    if not any(row.subject == "matrix product" for row in report.rows):
        report.add("matrix product", "large", SPEED, "GFLOP/s", peak)
    for batch, subjects in measured["times_ms"].items():
        condition = f"{architecture}, batch {batch}"
        operations = measured["gflop_per_scan"] * int(batch)
        for subject, times in subjects.items():
            report.add(subject, condition, TIME, "ms", times)
            if subject.endswith(FORWARD):
                rates = [1000 * operations / time for time in times]
                report.add(subject, condition, SPEED, "GFLOP/s", rates)
                report.add(subject, condition, SHARE, "", [rate / max(peak) for rate in rates])
        ours = report.find(f"{OURS}: {FORWARD}", condition, TIME).median
        pair = report.find(f"{OURS}: {PAIR}", condition, TIME).median
        report.goals.append(Goal(f"forward + Grad-CAM / forward, {condition}", pair / ours, EXPLAIN_LIMIT))
        judged = report.find(f"{OURS}: {JUDGED}", condition, TIME).median
        report.goals.append(Goal(f"{JUDGED}, ms, {condition}", judged, JUDGED_LIMIT_MS))
        rivals = [
            row.median
            for row in report.rows
            if row.condition == condition
            and row.metric == TIME
            and row.subject.removesuffix(f": {FORWARD}") in RIVALS
        ]
        if rivals:
            report.goals.append(
                Goal(
                    f"forward / fastest of {' and '.join(RIVALS)}, {condition}",
                    ours / min(rivals),
                    ENGINE_LIMIT,
                )
            )
