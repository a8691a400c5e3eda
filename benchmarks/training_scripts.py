"""Two whole trainings beside each other: `./retinote train`, and timm's own train.py, which its wheel doesn't hold.

Both are run as their users run them, each in a process of its own, on the same files, with the same network, batches,
input, optimiser and precision. Augmentation is the same as far as timm has it: crop, stretch, flip, and jitter of
brightness, contrast and saturation; rotation, which timm does not have apart from its policies, is off.
"""

from __future__ import annotations

import csv
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

ROOT = Path(__file__).resolve().parent.parent
OURS, THEIRS = "Retinote's train", "timm's train.py"
SCRIPT_WORKERS = (0, 1, 2)
"""Loader processes of timm's script that are tried. Its best counts: which is best depends on the machine."""
WARM_EPOCHS = 1
TIMEOUT_S = 900
LAST_OF_EPOCH = re.compile(r"Train: (\d+) \[ *\d+/\d+ \(100%\)\].*\(\d+\.\d+s, +(\d+\.\d+)/s\)")
"""timm's line for the last step of an epoch: the epoch, and the scans a second since its beginning."""
SEED = "0"


@dataclass(frozen=True)
class Task:
    """What both are to train: scans in `folder`/train|val/LABEL/."""

    folder: Path
    architecture: str
    size: int
    batch_size: int
    epochs: int
    """At least two, as the first warms up."""
    precision: str
    """bf16 (autocast) or fp32."""
    learning_rate: float = 0.001
    label_smoothing: float = 0.1


def measure_scripts(
    task: Task, script: Path, rounds: int, script_workers: Sequence[int] = SCRIPT_WORKERS
) -> dict[str, list[float]]:
    """Scans a second of each, the median of its warm epochs in each round. Raises BenchmarkError when one fails."""
    if not script.is_file():
        raise BenchmarkError(f"--timm-script: there is no file {script}.")
    rates: dict[str, list[float]] = {}

    def note(name: str, rate: float) -> None:
        rates.setdefault(name, []).append(rate)
        print(f"retinote: {name}: {rate:.1f} scans/s", file=sys.stderr, flush=True)

    for number in range(rounds):
        out = task.folder / f"round-{number}"
        note(OURS, _ours(task, out / "ours"))
        for workers in script_workers:
            rate = _theirs(task, script, out / f"timm-{workers}", workers)
            note(f"{THEIRS}, {workers} worker(s)", rate)
    return rates


def our_command(task: Task, out: Path) -> list[str]:
    """The command line of this project's training."""
    return [
        *(sys.executable, str(ROOT / "cli.py"), "train", "--data", str(task.folder), "--out", str(out)),
        *("--cache", str(task.folder / "cache"), "--statistics", "none", "--allow-leaks"),
        *("--recipe", "published", "--no-pretrained", "--arch", task.architecture),
        *("--size", str(task.size), "--batch-size", str(task.batch_size), "--epochs", str(task.epochs)),
        *("--patience", str(task.epochs), "--precision", task.precision, "--seed", SEED),
        *("--optimizer", "adam", "--learning-rate", str(task.learning_rate), "--weight-decay", "0"),
        *("--label-smoothing", str(task.label_smoothing), "--rotation-degrees", "0"),
        *("--crop-smallest", "0.8", "--crop-largest", "1", "--jitter", "0.2", "--flip", "0.5"),
    ]


def timm_command(task: Task, script: Path, out: Path, workers: int) -> list[str]:
    """The command line of timm's script for the same training."""
    precision = ["--amp", "--amp-dtype", "bfloat16"] if task.precision == "bf16" else []
    return [
        *(sys.executable, str(script), "--data-dir", str(task.folder)),
        *("--train-split", "train", "--val-split", "val", "--num-classes", "2", "--device", _device()),
        *("--model", task.architecture, "--input-size", "3", str(task.size), str(task.size)),
        *("--batch-size", str(task.batch_size), "--channels-last", *precision, "--workers", str(workers)),
        *("--opt", "adam", "--lr", str(task.learning_rate), "--weight-decay", "0", "--seed", SEED),
        *("--smoothing", str(task.label_smoothing), "--scale", "0.8", "1.0", "--color-jitter", "0.2"),
        *("--hflip", "0.5", "--epochs", str(task.epochs), "--warmup-epochs", "0", "--log-interval", "1"),
        *("--checkpoint-hist", "1", "--output", str(out), "--experiment", "bench"),
    ]


def warm_rate(rates: Sequence[float], what: str) -> float:
    """The median of the epochs after the first. Raises BenchmarkError when there are none."""
    warm = rates[WARM_EPOCHS:]
    if not warm:
        raise BenchmarkError(f"{what} printed no epoch after the first.")
    return statistics.median(warm)


def rates_in_log(log: str) -> list[float]:
    """Scans a second of each epoch in the log of timm's script."""
    # A long epoch has several lines with 100 %; the last one counts.
    return list({epoch: float(rate) for epoch, rate in LAST_OF_EPOCH.findall(log)}.values())


def _ours(task: Task, out: Path) -> float:
    _run(our_command(task, out), OURS)
    with (out / "epochs.csv").open(encoding="utf-8", newline="") as rows:
        return warm_rate([float(row["scans_per_second"]) for row in csv.DictReader(rows)], OURS)


def _theirs(task: Task, script: Path, out: Path, workers: int) -> float:
    return warm_rate(rates_in_log(_run(timm_command(task, script, out, workers), THEIRS)), THEIRS)


def _run(command: Sequence[str], what: str) -> str:
    """Run a training; returns all that it printed."""
    variables = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    try:
        run = subprocess.run(
            command,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{what} took longer than {TIMEOUT_S} s.") from error
    if run.returncode:
        raise BenchmarkError(f"{what} failed.\n{run.stdout.strip()[-2000:]}")
    return run.stdout


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
