"""`bench soak`: steady load on this project's TorchServe, and whether the memory of its workers grows."""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.load import Load, LoadRequest, Target
    from benchmarks.report import Report
    from benchmarks.torchserve import Running

CLIENTS = 8
EVERY_S = 3.0
SETTLED_S = 120.0
"""After this time caches are full: memory at the end is compared with memory then."""
WINDOW_S = 60.0
GROWTH_LIMIT = 1.02
MIN_MINUTES, MAX_MINUTES = 0.2, 24 * 60
BAD_EVERY = 10
"""One of so many requests has a bad image: in turns a truncated one, no image at all, and an empty body."""


@dataclass
class MemoryCurve:
    """Memory of the workers together, sampled while the load lasts."""

    at_s: list[float] = field(default_factory=list)
    uss_mib: list[float] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)

    def around(self, values: Sequence[float], moment_s: float) -> float:
        """The median of the values in the minute around a moment; the nearest value if there are none."""
        near = [
            value for at, value in zip(self.at_s, values, strict=True) if abs(at - moment_s) <= WINDOW_S / 2
        ]
        if near:
            return statistics.median(near)
        return min(zip(self.at_s, values, strict=True), key=lambda pair: abs(pair[0] - moment_s))[1]

    def growth(self, values: Sequence[float]) -> float:
        """Memory at the end divided by memory after `SETTLED_S` (in a short run: after a quarter of it)."""
        end_s = self.at_s[-1]
        settled_s = min(SETTLED_S, end_s / 4)
        return self.around(values, max(settled_s, end_s - WINDOW_S / 2)) / self.around(values, settled_s)


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--minutes", type=float, default=20.0, help="(default: %(default)s)")
    parser.add_argument("--architecture", default="convnext_atto", help="timm name (default: %(default)s)")
    parser.add_argument(
        "--scans", type=Path, metavar="DIR", help="folder of scans to send (default: simulated ones)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Load, sample, print, and write soak.json and soak.png; returns 0. Raises BenchmarkError when measuring fails."""
    from benchmarks.environment import peers_python
    from benchmarks.errors import BenchmarkError
    from benchmarks.load import run_load
    from benchmarks.models import give_statistics, make_model
    from benchmarks.plots import lines
    from benchmarks.report import Report
    from benchmarks.scans import read_images
    from benchmarks.torchserve import retinote
    from serving.capacity import capacity

    if not MIN_MINUTES <= arguments.minutes <= MAX_MINUTES:
        raise BenchmarkError(f"--minutes: give {MIN_MINUTES} to {MAX_MINUTES}.")
    python = peers_python()
    report = Report("Steady load")
    curve = MemoryCurve()
    with tempfile.TemporaryDirectory(prefix="retinote-bench-") as name:
        folder = Path(name)
        images, origin = read_images(arguments.scans, folder / "scans")
        model = make_model(folder / "store", architecture=arguments.architecture)
        give_statistics(model)
        shared = capacity()
        server = retinote(folder / "store", model, folder, shared)
        try:
            began = time.perf_counter()
            load = run_load(
                python,
                server.target.url,
                mixed(server.target, images),
                clients=CLIENTS,
                seconds=60 * arguments.minutes,
                meanwhile=lambda: _sample(server, model.parent.name, curve, began),
                every_s=EVERY_S,
            )
        finally:
            server.stop()
    report.notes.append(
        f"Sent: {origin}, half of them with explanation, one in {BAD_EVERY} bad. Workers: {shared.workers}, "
        f"threads: {shared.threads}. Times are those of good images and refusals together."
    )
    _write_down(
        report, load, curve, f"{arguments.architecture}, {CLIENTS} clients, {arguments.minutes:g} min"
    )
    print(report.text())
    report.save(arguments.out / "soak.json")
    minutes = [at / 60 for at in curve.at_s]
    lines(
        arguments.out / "soak.png",
        {"USS": (minutes, curve.uss_mib), "RSS": (minutes, curve.rss_mib)},
        axes_titles=("time (minutes)", "memory of the model workers (MiB)"),
        title=f"{report.title}: {arguments.architecture}, {CLIENTS} clients",
    )
    return 0


def mixed(target: Target, images: Sequence[bytes]) -> list[LoadRequest]:
    """Requests for all images, in turns with and without explanation, and one bad image in `BAD_EVERY`."""
    from benchmarks.load import LoadRequest

    bad = [images[0][: len(images[0]) // 2], b"not an image" * 100, b""]
    load_requests: list[LoadRequest] = []
    for turn, (number, image) in itertools.product(range(2), enumerate(images)):
        load_requests.append(target.request(image, explain=(number + turn) % 2 == 0))
        good = turn * len(images) + number + 1
        if good % (BAD_EVERY - 1) == 0:
            content = bad[good // (BAD_EVERY - 1) % len(bad)]
            load_requests.append(
                LoadRequest(content, target.request(content, explain=True).headers, "refused")
            )
    return load_requests


def _sample(server: Running, model: str, curve: MemoryCurve, began: float) -> None:
    import psutil

    from benchmarks.memory import MIB
    from serving.errors import ServingError

    assert server.management is not None
    try:
        workers = [worker.pid for version in server.management.versions(model) for worker in version.workers]
        infos = [psutil.Process(pid).memory_full_info() for pid in workers]
    except (ServingError, psutil.NoSuchProcess):
        return  # A gap in the curve: a worker was replaced, which shows in the errors.
    curve.at_s.append(time.perf_counter() - began)
    curve.uss_mib.append(sum(info.uss for info in infos) / MIB)
    curve.rss_mib.append(sum(info.rss for info in infos) / MIB)


def _write_down(report: Report, load: Load, curve: MemoryCurve, condition: str) -> None:
    from benchmarks.errors import BenchmarkError
    from benchmarks.report import Goal

    if not curve.at_s:
        raise BenchmarkError("No sample of the workers' memory could be taken.")
    subject = "Retinote"
    report.add(subject, condition, "throughput", "1/s", [load.per_second])
    for share in (50, 95, 99):
        report.add(subject, condition, f"p{share}", "ms", [load.percentile_ms(share)])
    report.add(subject, condition, "answers", "requests", [len(load.times_ms)])
    report.add(subject, condition, "errors", "requests", [len(load.problems)])
    for name, values in (("USS", curve.uss_mib), ("RSS", curve.rss_mib)):
        report.add(subject, condition, f"memory of the workers ({name})", "MiB", values)
        growth = curve.growth(values)
        report.goals.append(
            Goal(f"{name} at the end / settled, {condition}", growth, GROWTH_LIMIT, unit="times")
        )
    report.goals.append(Goal(f"errors, {condition}", len(load.problems), 0, unit="requests"))
    report.notes += [f"First error: {load.problems[0]}"] if load.problems else []
