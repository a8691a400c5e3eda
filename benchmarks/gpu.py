"""`bench gpu`: the CUDA path in one short run, each step in a process of its own that has a deadline.

A step that fails, hangs or ends its process is written down with its reason, and the others go on. With `--device cpu`
the same steps run without a GPU, apart from CUDA graphs; that shows that the script works, not how fast a GPU is.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import bundled

if TYPE_CHECKING:
    from benchmarks.report import Report

ROOT = Path(__file__).resolve().parent.parent
PEAK, SERVED, TRAINING = "peak", "served", "training"
LIMITS_S: Mapping[str, int] = {
    PEAK: 60,
    "fp32": 60,
    "bf16": 60,
    "fp16": 60,
    "bf16-contiguous": 60,
    "graphs": 60,
    "compile": 150,
    SERVED: 120,
    TRAINING: 120,
}
"""The steps in their order, and how long each may take. Where less time is left, that is a step's limit."""
CPU_SLOWER = 4
"""How many times longer a step may take on a CPU."""
MINUTES = 8.0
BATCHES = (1, 8, 32, 64)
CLIENTS = 32
MOST_DIFFERENT = 0.02
"""Greatest difference of a probability from float32's that is good enough to serve."""
FAILED = 1


@dataclass(frozen=True)
class Plan:
    """What the steps measure."""

    device: str
    architecture: str
    batches: tuple[int, ...]
    seconds: float
    model: str
    """The folder of a trained model, whose answers are compared with float32's on the CPU."""
    folder: str
    """For the files of the steps."""
    scans: int
    train_scans: int
    size: int


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Needs nothing but the packages of this project: no network, no compiler but for the step compile, and 8 GB of "
        "memory on the GPU."
    )
    parser.add_argument(
        "--device", default="cuda:0", help="cuda:N, or cpu to try the script (default: %(default)s)"
    )
    parser.add_argument("--arch", default="convnext_base", help="timm name (default: %(default)s)")
    parser.add_argument(
        "--size", type=int, default=224, help="input side of the training (default: %(default)s)"
    )
    parser.add_argument(
        "--batches", nargs="+", type=int, default=BATCHES, metavar="N", help="(default: 1, 8, 32 and 64)"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of each number (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of all steps (default: %(default)s)")
    parser.add_argument(
        "--scans",
        type=int,
        default=32,
        help="whose answers are compared with float32's (default: %(default)s)",
    )
    parser.add_argument(
        "--train-scans",
        type=int,
        default=512,
        help="simulated, of an epoch of the training (default: %(default)s)",
    )
    parser.add_argument("--steps", nargs="+", choices=LIMITS_S, default=list(LIMITS_S), help="(default: all)")


def run(arguments: argparse.Namespace) -> int:
    """Run the steps, print, and write gpu.json; returns 0, or 1 if a step failed. Raises BenchmarkError."""
    from benchmarks.errors import BenchmarkError
    from benchmarks.report import Report

    if min(arguments.batches) < 1 or arguments.seconds <= 0 or arguments.minutes <= 0:
        raise BenchmarkError("--batches, --seconds and --minutes must be above 0.")
    ends = time.monotonic() + 60 * arguments.minutes
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="retinote-gpu-") as name:
        plan = Plan(
            device=arguments.device,
            architecture=arguments.arch,
            batches=tuple(arguments.batches),
            seconds=arguments.seconds,
            model=str(bundled.MODEL),
            folder=name,
            scans=arguments.scans,
            train_scans=arguments.train_scans,
            size=arguments.size,
        )
        for step in (step for step in LIMITS_S if step in arguments.steps):
            longest_s = LIMITS_S[step] * (CPU_SLOWER if arguments.device == "cpu" else 1)
            limit_s = min(longest_s, ends - time.monotonic())
            print(f"retinote: {step}: up to {max(0, limit_s):.0f} s", file=sys.stderr, flush=True)
            results[step] = run_step(step, plan, limit_s)
            if reason := results[step].get("failed"):
                print(f"retinote: {step} failed: {reason}", file=sys.stderr, flush=True)
    report = Report(f"The network on {arguments.device}")
    write_down(report, results, arguments.arch)
    print(report.text())
    report.save(arguments.out / "gpu.json")
    return FAILED if any("failed" in result for result in results.values()) else 0


def run_step(step: str, plan: Plan, limit_s: float) -> dict[str, Any]:
    """The result of a step in a process of its own; `failed` holds the reason if there is none."""
    from dataclasses import asdict

    if limit_s <= 0:
        return {"failed": "no time was left"}
    log = Path(plan.folder) / f"{step}.log"
    command = [sys.executable, "-m", "benchmarks.gpu_steps", step, json.dumps(asdict(plan))]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | step_variables(plan.device),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # so that what it starts ends with it
        )
        try:
            output, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return {"failed": f"it took longer than {limit_s:.0f} s"}
        finally:
            end_group(process)
    if process.returncode:
        told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        how = f"signal {-process.returncode}" if process.returncode < 0 else f"status {process.returncode}"
        return {"failed": f"{how}: {told[-1] if told else 'it said nothing'}", "log": told[-40:]}
    result: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return result


def step_variables(device: str) -> dict[str, str]:
    """The variables of a step; without a GPU for it, also for what it starts, if it is to run on the CPU."""
    variables = {"PYTHONPATH": str(ROOT)}
    return variables | ({"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {})


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill the process and all that it started, as far as it still runs."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def write_down(report: Report, results: Mapping[str, Mapping[str, Any]], architecture: str) -> None:
    """Add the rows, goals and notes of the steps' results."""
    from benchmarks.report import Goal

    peaks: Mapping[str, Sequence[float]] = results.get(PEAK, {}).get("tflops", {})
    for precision, values in peaks.items():
        report.add(f"matrix product, {precision}", "large", "speed", "TFLOP/s", values)
    for step, result in results.items():
        if reason := result.get("failed"):
            report.notes.append(f"{step}: not measured, {reason}")
        report.notes += result.get("notes", [])
        for measured in result.get("rows", []):
            row = report.add(
                step, measured["condition"], measured["metric"], measured["unit"], measured["values"]
            )
            peak = peaks.get(result.get("precision", ""))
            if (
                peak
                and "gflop_per_scan" in result
                and row.unit == "images/s"
                and row.condition.endswith("on the device")
            ):
                shares = [rate * result["gflop_per_scan"] / 1000 / max(peak) for rate in row.values]
                report.add(step, row.condition, "share of the matrix peak", "", shares)
        if answers := result.get("answers"):
            scans = f"{answers['scans']} simulated scans"
            report.add(step, scans, "greatest difference of a probability", "", [answers["difference"]])
            report.add(step, scans, "other first label", "scans", [answers["other_label"]])
            report.add(step, scans, "correlation of heat maps, least", "", [answers["correlation"]])
            report.goals.append(
                Goal(f"{step}: difference from float32", answers["difference"], MOST_DIFFERENT)
            )
    report.notes.append(f"Speed: {architecture} with random weights; answers: the bundled model.")
