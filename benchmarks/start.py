"""`bench start`: how long `--help`, a first and a second `up` take until the stack answers, and its memory."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 600
POLL_S, SAMPLE_S = 0.1, 1.0
READY_AFTER = re.compile(r"(?P<service>[A-Za-z ]+?) is ready after (?P<seconds>[\d.]+) s")
FIRST, SECOND = "first up, empty data folder", "second up"
MODEL_SERVER = "model server"
FIRST_UP_LIMIT_S, SECOND_UP_LIMIT_S = 45.0, 20.0
"""The second is what the README promises for a later start."""
HELP, HELP_LIMIT_S = "./retinote --help", 1.0


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rounds", type=int, default=3, help="repetitions (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Start and stop stacks, print, and write start.json; returns 0. Raises BenchmarkError when one doesn't start."""
    from benchmarks.cells import MIB, Measurements
    from benchmarks.errors import BenchmarkError
    from benchmarks.memory import kind
    from benchmarks.report import Goal, Report
    from benchmarks.stack import run_retinote

    if arguments.rounds < 1:
        raise BenchmarkError("--rounds: at least 1 is needed.")
    _build_page()
    measurements = Measurements()
    for _ in range(arguments.rounds):
        measurements.add(HELP, "packages installed", "time", "s", _help())
        with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
            data = Path(name) / "var"
            for condition in (FIRST, SECOND):
                try:
                    already = len(_log_lines(data))
                    took_s = _up(data)
                    measurements.add("stack", condition, "time until ready", "s", took_s)
                    for service, seconds in _ready_times(data, already).items():
                        measurements.add(service, condition, "time until ready", "s", seconds)
                    taken_over_s, highest = _change_over(data)
                    if highest:
                        after_s = took_s + taken_over_s
                        measurements.add(
                            "stack", condition, "time until the compiled network answers", "s", after_s
                        )
                        for service, mib in highest.items():
                            measurements.add(
                                service, condition, f"most memory until then ({kind()})", MIB, mib
                            )
                    for service, mib in _memory(data).items():
                        measurements.add(service, condition, f"memory ({kind()})", MIB, mib)
                finally:
                    run_retinote("down", "--data-dir", data)
    report = Report("Starting the stack")
    measurements.fill(report)
    report.notes.append(
        "Times of services count from their own start. The environment and the page were built before."
    )
    first = report.find("stack", FIRST, "time until ready")
    report.goals.append(Goal("first up until ready", first.median, FIRST_UP_LIMIT_S, unit="s"))
    second = report.find("stack", SECOND, "time until ready")
    report.goals.append(Goal("second up until ready", second.median, SECOND_UP_LIMIT_S, unit="s"))
    shown = report.find(HELP, "packages installed", "time")
    report.goals.append(Goal(HELP, shown.median, HELP_LIMIT_S, unit="s"))
    print(report.text())
    report.save(arguments.out / "start.json")
    return 0


def _build_page() -> None:
    """Build the page if needed: that is part of the installation, not of the first start."""
    from benchmarks.errors import BenchmarkError
    from operations import page

    if not page.is_built():
        built = subprocess.run(
            [sys.executable, "-m", "operations.page"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if built.returncode:
            raise BenchmarkError(f"The page could not be built: {built.stderr.strip()}")


def ready_after(log: str) -> dict[str, float]:
    """Seconds from the start of each service until it was ready, from a stack's log."""
    return {found["service"].strip(): float(found["seconds"]) for found in READY_AFTER.finditer(log)}


def _help() -> float:
    """Seconds until the launcher has printed the help. Raises BenchmarkError when it fails."""
    from benchmarks.errors import BenchmarkError

    started = time.perf_counter()
    shown = subprocess.run([ROOT / "retinote", "--help"], capture_output=True, text=True, check=False)
    if shown.returncode:
        raise BenchmarkError(f"{HELP} fails: {shown.stderr.strip()}")
    return time.perf_counter() - started


def _up(data: Path) -> float:
    """Start a stack in the background; seconds until it is ready."""
    from benchmarks.stack import run_retinote
    from operations.stack.ports import free_ports

    (port,) = free_ports(1)
    started = time.perf_counter()
    run_retinote("up", "--data-dir", data, "--detach", "--port", str(port))
    return time.perf_counter() - started


def _ready_times(data: Path, already: int) -> dict[str, float]:
    """`ready_after` of the stack's log without its first `already` lines, once the model server is in it.

    Raises BenchmarkError when it isn't within TIMEOUT_S.
    """
    from benchmarks.errors import BenchmarkError

    pause, deadline = Event(), time.monotonic() + TIMEOUT_S
    while MODEL_SERVER not in (found := ready_after("\n".join(_log_lines(data)[already:]))):
        if time.monotonic() > deadline:
            raise BenchmarkError(f"The stack's log doesn't say that the {MODEL_SERVER} is ready.")
        pause.wait(POLL_S)
    return found


def _change_over(data: Path) -> tuple[float, dict[str, float]]:
    """Wait until no worker answers by an engine that another will replace.

    Returns the seconds, and the most memory of each service meanwhile, in MiB; none if there was nothing to wait for.
    Raises BenchmarkError when it takes longer than TIMEOUT_S.
    """
    from benchmarks.errors import BenchmarkError
    from handlers.engines.reports import read_reports
    from operations.stack.folder import DataFolder, read_state

    reports = Path(read_state(DataFolder(data))["engine_reports"])
    highest: dict[str, float] = {}
    pause, began = Event(), time.monotonic()
    while any(report.coming for report in read_reports(reports)):
        if time.monotonic() - began > TIMEOUT_S:
            raise BenchmarkError(f"The network was not compiled within {TIMEOUT_S} s.")
        for service, mib in _memory(data).items():
            highest[service] = max(mib, highest.get(service, 0.0))
        pause.wait(SAMPLE_S)
    return time.monotonic() - began, highest


def _log_lines(data: Path) -> list[str]:
    """The lines of the stack's log, to which each start appends."""
    from operations.stack.folder import DataFolder

    log = DataFolder(data).stack_log
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def _memory(data: Path) -> Mapping[str, float]:
    """Memory of each service's processes, of the supervisor with the guardians, and of all together, in MiB."""
    import psutil

    from benchmarks.memory import memory_mib
    from operations.stack.folder import DataFolder, read_state

    state: dict[str, Any] = read_state(DataFolder(data))
    names = {service["pid"]: service["name"] for service in state["services"]}
    supervisor = psutil.Process(state["pid"])
    parts: dict[str, list[psutil.Process]] = defaultdict(list)
    for process in [supervisor, *supervisor.children(recursive=True)]:
        for label in _labels(process, names):
            parts[label].append(process)
    memory = {label: memory_mib(processes) for label, processes in parts.items()}
    return memory | {"stack": sum(memory.values())}


def _labels(process: psutil.Process, names: Mapping[int, str]) -> list[str]:
    """The service of a process; the model server's Java process and its Python workers have labels of their own."""
    import psutil

    try:
        if names.get(process.pid) == MODEL_SERVER:
            return [f"{MODEL_SERVER}, Java"]
        for ancestor in (process, *process.parents()):
            if ancestor.pid in names:
                name = names[ancestor.pid]
                return [f"{name}, Python workers" if name == MODEL_SERVER else name]
    except psutil.NoSuchProcess:
        return []
    return ["supervisor and guardians"]
