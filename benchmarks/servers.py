"""`bench servers`: speed over HTTP with the same weights, compared with other servers that a user could choose.

One server runs at a time, because some keep a core busy when idle. Each round measures all servers, so that other work
of the machine affects all alike.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.cells import Measurements, Visit
    from benchmarks.in_process import CallTimes, Plan
    from benchmarks.report import Report
    from benchmarks.subjects import Setting, Subject
    from serving.capacity import Capacity

ARCHITECTURES = ("convnext_atto", "convnext_base")
CLIENTS = (1, 8, 32)
MAX_CLIENTS, MAX_SECONDS = 256, 600.0
MODEL_NAME, MODEL_VERSION = "retina-oct", "1.0.0"
SHOWN_CLIENTS = "best number of clients"


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--architectures",
        nargs="+",
        default=list(ARCHITECTURES),
        metavar="NAME",
        help="timm names; their weights are random (default: convnext_atto convnext_base)",
    )
    parser.add_argument(
        "--clients", nargs="+", type=int, default=list(CLIENTS), metavar="N", help="(default: 1 8 32)"
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="measured for each cell (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="interleaved repetitions (default: %(default)s)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="servers whose names begin so, such as Retinote 'LitServe, same' (default: all)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="of each server; they share the cores (default: as in a stack that was never tuned)",
    )
    parser.add_argument(
        "--batch", type=int, metavar="N", help="largest batch of each server (default: likewise)"
    )
    parser.add_argument(
        "--scans", type=Path, metavar="DIR", help="folder of scans to send (default: simulated ones)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write servers.json and servers.png.

    Raises BenchmarkError or OperationsError when nothing can be measured.
    """
    from benchmarks.cells import Measurements, Visit
    from benchmarks.environment import peers_python
    from benchmarks.memory import kind
    from benchmarks.report import Report
    from benchmarks.scans import read_images
    from benchmarks.server_goals import goals
    from benchmarks.subjects import choose_subjects

    check(arguments, {"--architectures": arguments.architectures}, "rounds", "workers", "batch")
    subjects = choose_subjects(arguments.only)
    python = peers_python()
    measurements = Measurements()
    # A short path: some servers make sockets below it.
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
        images, origin = read_images(arguments.scans, Path(name) / "scans")
        visit = Visit(python, images, sorted(set(arguments.clients)), arguments.seconds)
        shared = _capacity(arguments.workers, arguments.batch)
        measurements.note(
            f"Sent: {origin}, as raw bytes or base64 in JSON, whichever the server takes. Weights: random. "
            f"Workers: {shared.workers}, threads: {shared.threads}, batch: {shared.batching.size}; "
            f"{kind()} is counted as memory."
        )
        benches = [
            _Bench(architecture, Path(name) / architecture, python, shared, visit, measurements)
            for architecture in arguments.architectures
        ]
        for number in range(arguments.rounds):
            for bench in benches:
                _log(f"round {number + 1} of {arguments.rounds}, {bench.architecture}")
                bench.round(subjects)
    report = Report("Served speed")
    measurements.fill(report)
    report.goals += goals(report, arguments.architectures, visit.clients, shared.batching.size)
    print(report.text())
    report.save(arguments.out / "servers.json")
    _plot(report, arguments.architectures, visit.clients, arguments.out / "servers.png")
    _log(f"written to {arguments.out}: servers.json, servers.png")
    return 0


@dataclass(frozen=True)
class _Bench:
    """Measures the servers with one architecture."""

    architecture: str
    folder: Path
    python: Path
    capacity: Capacity
    visit: Visit
    measurements: Measurements

    def round(self, subjects: Sequence[Subject]) -> None:
        """Measure each server once, and the model code without one; note and leave out what doesn't start."""
        from benchmarks.breakdown import measure_breakdown
        from benchmarks.errors import BenchmarkError
        from benchmarks.subjects import RETINOTE, running
        from operations.errors import EXPECTED

        first = self.visit.images[0]
        setting = make_setting(self.architecture, self.folder, self.python, self.capacity, first)
        direct = self._in_process(setting)
        for subject in subjects:
            _log(f"  {subject.name}")
            try:
                with running(subject, setting) as server:
                    loads = self.visit.measure(subject.name, self.architecture, server, self.measurements)
                    if subject.name == RETINOTE and 1 in self.visit.clients:
                        measure_breakdown(
                            self.visit, self.architecture, server, loads, direct, self.measurements
                        )
            except (*EXPECTED, BenchmarkError, OSError) as error:
                lines = [line.strip() for line in str(error).splitlines() if line.strip()]
                reason = " … ".join(dict.fromkeys((lines[0], lines[-1]))) if lines else type(error).__name__
                self.measurements.note(
                    f"{subject.name}, {self.architecture}: not measured in a round: {reason}"
                )
                _log(f"  {subject.name} is left out of this round: {error}")
            if subject.name == RETINOTE:
                # Measured before and after Retinote, so that a machine that gets slower doesn't change the difference.
                self._in_process(setting)

    def _in_process(self, setting: Setting) -> Mapping[bool, CallTimes]:
        """Measure the model code alone; returns its times for single images, with and without explanation."""
        from benchmarks.cells import MS, P50, PER_SECOND, RATE
        from benchmarks.in_process import in_process
        from benchmarks.server_goals import IN_PROCESS, in_process_condition

        plan = model_code(setting, self.visit.images)
        workers, size = setting.capacity.workers, setting.capacity.batching.size
        times: dict[int, dict[bool, CallTimes]] = {1: {}, size: {}}
        for batch, processes in ((1, 1), (size, workers)):
            _log(f"  {IN_PROCESS}, batch {batch}")
            with in_process(plan, os.environ | setting.variables(), processes) as code:
                for explain in (True, False):
                    direct = code.measure(explain=explain, batch=batch, seconds=self.visit.seconds)
                    times[batch][explain] = direct
                    condition = in_process_condition(self.architecture, batch, explain)
                    self.measurements.add(IN_PROCESS, condition, P50, MS, direct.p50_ms)
                    self.measurements.add(IN_PROCESS, condition, RATE, PER_SECOND, direct.images_per_second)
        return times[1]


def make_setting(architecture: str, folder: Path, python: Path, capacity: Capacity, image: bytes) -> Setting:
    """What servers of one architecture have in common. Its model, with random weights, is made if there is none yet."""
    from benchmarks.models import give_statistics, make_model
    from benchmarks.subjects import Setting

    store = folder / "store"
    model = store / MODEL_NAME / MODEL_VERSION
    if not model.exists():
        give_statistics(make_model(store, MODEL_NAME, MODEL_VERSION, architecture))
    return Setting(store, model, python, capacity, folder, image)


def model_code(setting: Setting, images: Sequence[bytes]) -> Plan:
    """The plan to measure the model code in process, with the images written to a folder."""
    from benchmarks.in_process import Plan

    folder = setting.folder / "sent"
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.image" for number in range(len(images))]
    for path, content in zip(paths, images, strict=True):
        path.write_bytes(content)
    return Plan(str(setting.model), tuple(map(str, paths)), setting.capacity.threads)


def _capacity(workers: int | None, batch: int | None) -> Capacity:
    """Workers, threads and batches of each server: those of a stack that was never tuned, unless given."""
    from serving.capacity import capacity, core_count

    shared = capacity()
    if workers:
        shared = replace(shared, workers=workers, threads=max(1, core_count() // workers))
    if batch:
        shared = replace(shared, batching=replace(shared.batching, size=batch))
    return shared


def check(arguments: argparse.Namespace, architectures: Mapping[str, Sequence[str]], *counts: str) -> None:
    """Check clients, seconds, architectures by their option, and options that count something.

    Raises BenchmarkError.
    """
    from benchmarks.errors import BenchmarkError

    if not all(1 <= clients <= MAX_CLIENTS for clients in arguments.clients):
        raise BenchmarkError(f"--clients: give numbers from 1 to {MAX_CLIENTS}.")
    if not 0 < arguments.seconds <= MAX_SECONDS:
        raise BenchmarkError(f"--seconds: give a number of seconds up to {MAX_SECONDS:.0f}.")
    for option in counts:
        given = getattr(arguments, option)
        if given is not None and given < 1:
            raise BenchmarkError(f"--{option}: at least 1 is needed.")
    from handlers import timm_parts as timm  # takes seconds, so that the numbers are checked first

    for option, names in architectures.items():
        for name in names:
            if not timm.is_model(name):
                raise BenchmarkError(f"{option}: timm knows no {name}.")


def _plot(report: Report, architectures: Sequence[str], clients: Sequence[int], path: Path) -> None:
    """Plot the best throughput of each server over the numbers of clients."""
    from benchmarks.cells import RATE, with_clients, with_explanation
    from benchmarks.plots import bars

    panels: dict[str, dict[str, Sequence[float]]] = {}
    for architecture in architectures:
        for explain in (True, False):
            conditions = [with_clients(architecture, count, explain) for count in clients]
            best: dict[str, Sequence[float]] = {}
            for row in report.rows:
                if row.metric == RATE and row.condition in conditions:
                    known = report.find(row.subject, row.condition, RATE)
                    if row.subject not in best or known.median > _median(best[row.subject]):
                        best[row.subject] = row.values
            if best:
                panels[f"{architecture}, {with_explanation(explain)}, {SHOWN_CLIENTS}"] = best
    if panels:
        bars(
            path,
            panels,
            axis="answers a second (median, lowest and highest of the rounds)",
            title=report.title,
        )


def _median(values: Sequence[float]) -> float:
    import statistics

    return statistics.median(values)


def _log(text: str) -> None:
    print(f"retinote: {text}", file=sys.stderr, flush=True)
