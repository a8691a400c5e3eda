"""The command lines of what a learning run starts: processes of their own, with the lowest claim to the processor."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from operations.errors import OperationsError
from operations.processes import GuardedProcess, last_lines
from operations.stack.folder import DataFolder
from operations.stack.stores import places, stores_of
from serving.errors import ServingError

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / "cli.py"
NICENESS = 15
"""What answers and what readers wait for comes first."""
MOST_THREADS = 4
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
GRACE_S = 5.0
"""A training that ends within this time has written nothing by halves: all of its files are replaced as a whole."""
GATE_PASSED, GATE_REFUSED = 0, 1
MODEL_NAME = "model"
"""The folder of the candidate within that of a fine-tuning."""


def fine_tuning(
    *,
    base: Path,
    data_set: Path,
    replay: Sequence[Path],
    out: Path,
    version: str,
    seed: int,
    threads: int,
    processes: int,
    run: str,
    more: Sequence[str] = (),
) -> list[str]:
    """Makes the candidate, or goes on with it."""
    words = ["fine-tune", "--model", base, "--data-set", data_set, "--out", out, "--version", version]
    words += ["--seed", seed, "--run", run, "--processes", processes]
    words += ["--threads", threads]
    words += ["--replay", *replay] if replay else []
    return [sys.executable, str(CLI), *map(str, words), *more]


def importing(folder: Path, data: Path) -> list[str]:
    """Brings the candidate into the data folder's model store."""
    return [sys.executable, str(CLI), "models", "import", str(folder), "--data-dir", str(data)]


def gate(name: str, version: str, against: str, data: Path) -> list[str]:
    """Judges the candidate against the version that it was made from."""
    words = ["models", "gate", name, version, "--against", against, "--data-dir", str(data)]
    return [sys.executable, str(CLI), *words]


def versions(data: Path, name: str) -> list[str]:
    """The versions of a model in the stores of the installation with this data folder. Raises OperationsError."""
    try:
        return stores_of(DataFolder(data), None).versions(name)
    except ServingError as error:
        raise OperationsError(str(error)) from error


def holder(data: Path, name: str, version: str) -> Path:
    """The folder of a version in these stores. Raises OperationsError where there is none, or the store is away."""
    try:
        stores = stores_of(DataFolder(data), None)
        folder = stores.holder(name, version)
    except ServingError as error:
        raise OperationsError(str(error)) from error
    if folder is None:
        raise OperationsError(
            f"{name} {version} answers, but its weights are not in {' and '.join(places(stores))}. The trainer needs the "
            "model store of the model server."
        )
    return folder


def gate_folder(data: Path, name: str, version: str) -> Path:
    """Where the gate writes what it found."""
    return data / "learning" / "gates" / name / version


def threads(wanted: int) -> int:
    """How many threads to compute with; 0 for as many as there are cores, up to a few."""
    return wanted or min(len(os.sched_getaffinity(0)), MOST_THREADS)


def start(command: Sequence[str], log: Path, threads: int) -> GuardedProcess:
    """Start it, so that it yields to all else and ends when this process does, however that happens."""
    environment = dict(os.environ) | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
    environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    nice = ["nice", "-n", str(NICENESS)]
    return GuardedProcess.start(
        [*nice, *command], log=log, environment=environment, folder=ROOT, grace_s=GRACE_S
    )


def last_words(log: Path) -> str:
    """The sentence with which a command of ours failed, or the last line of its log."""
    lines = [line.strip() for line in last_lines(log, 30).splitlines()[1:]]
    said = [line.removeprefix("retinote: ") for line in lines if line.startswith("retinote: ")]
    return said[-1] if said else lines[-1]


def read_gate(folder: Path) -> dict[str, object]:
    """What the gate wrote; empty if it wrote nothing."""
    try:
        content: dict[str, object] = json.loads((folder / "gate.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content
