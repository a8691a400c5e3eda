"""`bench beside`: this project's server beside another one, and beside its own model code without a server, in turns.

Both sides run all the time and are measured one after the other for some seconds each, so that a machine that gets
slower for a while changes both. What is compared is a ratio or a difference within each turn.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from benchmarks.cells import Measurements, Visit
    from benchmarks.load import Load
    from benchmarks.report import Goal, Report
    from benchmarks.subjects import Setting, Subject
    from benchmarks.torchserve import Running

CLIENTS = (8, 32)
TIMES = "times"
RATIO, DIFFERENCE = "throughput, ratio of a turn", "p50, difference of a turn"
LONE = "Retinote - in process"
SHARE = "Retinote / in process, whole batches"
First = TypeVar("First")
Second = TypeVar("Second")


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--architecture", default="convnext_base", metavar="NAME", help="a timm name (default: %(default)s)"
    )
    parser.add_argument(
        "--servers",
        nargs="*",
        metavar="NAME",
        help="servers whose names begin so, such as BentoML (default: all with the same model code; none without a name)",
    )
    parser.add_argument(
        "--clients", nargs="+", type=int, default=list(CLIENTS), metavar="N", help="(default: 8 32)"
    )
    parser.add_argument("--turns", type=int, default=6, help="of each comparison (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="of each side in a turn (default: %(default)s)"
    )
    parser.add_argument(
        "--scans", type=Path, metavar="DIR", help="folder of scans to send (default: simulated ones)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write beside.json.

    Raises BenchmarkError or OperationsError when nothing can be measured.
    """
    from benchmarks.cells import Measurements, Visit
    from benchmarks.environment import peers_python
    from benchmarks.report import Report
    from benchmarks.scans import read_images
    from benchmarks.servers import check, make_setting
    from benchmarks.subjects import RETINOTE, choose_subjects, running
    from serving.capacity import capacity

    check(arguments, {"--architecture": [arguments.architecture]}, "turns")
    (ours,) = choose_subjects([RETINOTE])
    others = _others(arguments.servers)
    python = peers_python()
    measurements = Measurements()
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
        images, origin = read_images(arguments.scans, Path(name) / "scans")
        visit = Visit(python, images, sorted(set(arguments.clients)), arguments.seconds)
        shared = capacity()
        setting = make_setting(arguments.architecture, Path(name) / "bench", python, shared, images[0])
        measurements.note(
            f"Sent: {origin}. Weights: random. Workers: {shared.workers}, threads: {shared.threads}, batch: "
            f"{shared.batching.size}. {arguments.turns} turns of {arguments.seconds:g} s for each side."
        )
        with running(ours, setting) as server:
            bench = _Bench(arguments.architecture, arguments.turns, setting, visit, server, measurements)
            bench.beside_the_model_code()
            for other in others:
                bench.beside(other)
    report = Report("Beside others, in turns")
    measurements.fill(report)
    report.goals += goals(report, arguments.architecture, visit.clients, [other.name for other in others])
    print(report.text())
    report.save(arguments.out / "beside.json")
    print(f"retinote: written to {arguments.out}: beside.json", file=sys.stderr)
    return 0


def _others(names: Sequence[str] | None) -> list[Subject]:
    """The other servers by the beginnings of their names; by default those with the same model code."""
    from benchmarks.subjects import PEERS, RETINOTE, SAME, choose_subjects, peer_name

    if names is None:
        names = [peer_name(peer, SAME) for peer in PEERS]
    return [subject for subject in choose_subjects(names) if subject.name != RETINOTE] if names else []


@dataclass(frozen=True)
class _Bench:
    """Compares a running server of this project with others."""

    architecture: str
    turns: int
    setting: Setting
    visit: Visit
    server: Running
    measurements: Measurements

    def beside_the_model_code(self) -> None:
        """Measure what a lone request takes more, and which share of the throughput is served."""
        from benchmarks.cells import MS, with_clients
        from benchmarks.in_process import in_process
        from benchmarks.servers import model_code

        plan = model_code(self.setting, self.visit.images)
        variables = os.environ | self.setting.variables()
        size, seconds = self.setting.capacity.batching.size, self.visit.seconds
        with in_process(plan, variables, processes=1) as code:
            for turn, explain in self._turns("a lone request beside the model code"):
                alone = partial(code.measure, explain=explain, batch=1, seconds=seconds)
                served, direct = _in_turn(turn, partial(self._load, self.server, 1, explain), alone)
                condition = with_clients(self.architecture, 1, explain)
                took_more = served.percentile_ms(50) - direct.p50_ms
                self.measurements.add(LONE, condition, DIFFERENCE, MS, took_more)
        with in_process(plan, variables, self.setting.capacity.workers) as code:
            for turn, explain in self._turns("throughput beside the model code"):
                rate = code.measure(explain=explain, batch=size, seconds=seconds).images_per_second
                for clients in self.visit.clients:
                    share = self._load(self.server, clients, explain).per_second / rate
                    condition = with_clients(self.architecture, clients, explain)
                    self.measurements.add(SHARE, condition, RATIO, TIMES, share)

    def beside(self, other: Subject) -> None:
        """Measure the throughput beside another server; note it if that one doesn't start."""
        from benchmarks.cells import with_clients
        from benchmarks.errors import BenchmarkError
        from benchmarks.subjects import running
        from operations.errors import EXPECTED

        try:
            with running(other, self.setting) as theirs:
                for turn, explain in self._turns(other.name):
                    for clients in self.visit.clients:
                        served, others = _in_turn(
                            turn,
                            partial(self._load, self.server, clients, explain),
                            partial(self._load, theirs, clients, explain),
                        )
                        if others.per_second:
                            condition = with_clients(self.architecture, clients, explain)
                            ratio = served.per_second / others.per_second
                            self.measurements.add(divided_by(other.name), condition, RATIO, TIMES, ratio)
        except (*EXPECTED, BenchmarkError, OSError) as error:
            self.measurements.note(f"{other.name}: not measured to the end: {str(error).splitlines()[0]}")

    def _turns(self, what: str) -> Iterator[tuple[int, bool]]:
        for turn in range(self.turns):
            print(f"retinote: {what}, turn {turn + 1} of {self.turns}", file=sys.stderr, flush=True)
            for explain in (True, False):
                yield turn, explain

    def _load(self, server: Running, clients: int, explain: bool) -> Load:
        load = self.visit.load(server.target, clients, explain)
        if load.problems:
            self.measurements.note(f"{server.target.url}: first error: {load.problems[0]}")
        return load


def _in_turn(turn: int, first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Measure both, in the other order in every second turn; returns what `first` and `second` measured."""
    if turn % 2:
        late = second()
        return first(), late
    return first(), second()


def divided_by(server: str) -> str:
    """The subject of the rows with the throughput beside another server."""
    return f"Retinote / {server}"


def goals(
    report: Report, architecture: str, clients: Sequence[int], servers: Sequence[str]
) -> Iterator[Goal]:
    """The goals for which all rows were measured. `servers` are the names of the others."""
    from benchmarks.cells import with_clients
    from benchmarks.report import Goal
    from benchmarks.server_goals import LONE_OVERHEAD_MS, SERVED_SHARE, same_factor

    def median(subject: str, count: int, explain: bool, metric: str) -> float | None:
        try:
            return report.find(subject, with_clients(architecture, count, explain), metric).median
        except LookupError:
            return None

    for explain in (True, False):
        lone = median(LONE, 1, explain, DIFFERENCE)
        if lone is not None:
            condition = with_clients(architecture, 1, explain)
            yield Goal(f"{LONE}, {condition}", lone, LONE_OVERHEAD_MS, unit="ms")
        for count in clients:
            condition = with_clients(architecture, count, explain)
            limits = {SHARE: SERVED_SHARE} | {divided_by(name): same_factor(name) for name in servers}
            for subject, limit in limits.items():
                ratio = median(subject, count, explain, RATIO)
                if ratio is not None:
                    yield Goal(f"{subject}, {condition}", ratio, limit, at_least=True, unit=TIMES)
