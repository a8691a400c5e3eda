"""`bench tune`: tries workers, threads, engines and batch sizes on a real TorchServe, and stores the best setting."""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.engines.settings import COMPILED, EAGER, INT8, OPENVINO

if TYPE_CHECKING:
    from benchmarks.torchserve import Running
    from handlers.engines.reports import EngineReport
    from operations.stack.folder import DataFolder
    from serving.capacity import Capacity

ENGINES = (COMPILED, INT8, OPENVINO, EAGER)
GPU_ENGINES = (EAGER,)
GPU_BATCHES, CPU_BATCHES = (8, 32), (4, 8)
NEARLY = 0.9
"""Share of the best throughput from which a setting counts as best; the fastest lone answer then decides."""
LONE_REQUESTS = 12
REQUEST_TIMEOUT_S = 120
MAX_WORKERS_PER_GPU = 2


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from operations.stack.options import add_data_option
    from operations.stack.stores import DEFAULT_STORE

    add_data_option(parser)
    parser.epilog = (
        "Takes some minutes, best while nothing else runs. The next ./retinote up uses what was found."
    )
    parser.add_argument(
        "--model-store",
        type=Path,
        default=DEFAULT_STORE,
        metavar="DIR",
        help="where models are (default: %(default)s); the one that a stack serves by default is tried",
    )
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="of load for each setting (default: %(default)s)"
    )
    parser.add_argument(
        "--engines", nargs="+", choices=ENGINES, default=ENGINES, help="(default: all that fit)"
    )


@dataclass(frozen=True)
class Trial:
    """The result of one setting: the median of lone answers, and answers a second with full batches."""

    capacity: Capacity
    lone_ms: float
    per_second: float


def run(arguments: argparse.Namespace) -> int:
    """Try all settings, print a table, and store the best; returns 0.

    Raises BenchmarkError, or one of `operations.errors.EXPECTED`, when none could be tried.
    """
    from benchmarks.errors import BenchmarkError
    from operations.errors import EXPECTED
    from operations.stack.folder import DataFolder
    from operations.table import print_table
    from serving import tuning

    data = DataFolder(arguments.data_dir)
    data.make()
    if data.is_held():
        raise BenchmarkError(
            f"A stack runs on {data.path} and would be measured, too: stop it with ./retinote down."
        )
    model = _default_model(arguments.model_store.absolute(), data)
    trials: list[Trial] = []

    def attempt(capacity: Capacity) -> None:
        try:
            trial = _run_trial(capacity, model.parents[1], model, data, arguments.seconds)
        except (*EXPECTED, BenchmarkError) as error:
            print(f"retinote: {_describe(capacity)} is left out: {error}", file=sys.stderr)
            return
        trials.append(trial)
        print(
            f"retinote: {_describe(capacity)}: lone {trial.lone_ms:.1f} ms, {trial.per_second:.1f}/s",
            file=sys.stderr,
            flush=True,
        )

    for capacity in candidates(offered(arguments.engines, model)):
        attempt(capacity)
    if not trials:
        raise BenchmarkError("No setting could be tried.")
    leading = best(trials).capacity
    for size in other_batches(leading):
        attempt(replace(leading, batching=replace(leading.batching, size=size)))
    chosen = best(trials)
    rows: list[tuple[Any, ...]] = [("setting", "lone answer", "answers a second", "")]
    rows += [
        (
            _describe(trial.capacity),
            f"{trial.lone_ms:.1f} ms",
            f"{trial.per_second:.1f}",
            "chosen" if trial is chosen else "",
        )
        for trial in trials
    ]
    print_table(rows)
    measured = [asdict(trial) for trial in trials]
    tuning.save(data.tuning, chosen.capacity, measured)
    print(f"Kept in {data.tuning}; the next ./retinote up on {data.path} uses it.")
    return 0


def _default_model(store: Path, data: DataFolder) -> Path:
    """The folder of the first modality's model, in the version that a stack serves by default; else of any model.

    Raises BenchmarkError when there is none.
    """
    import modalities
    from benchmarks.errors import BenchmarkError
    from serving.registry import Registry, default_versions
    from serving.stores import ModelStores

    stores = ModelStores([store, data.model_store])
    served = default_versions(stores, Registry(data.registry))
    ranks = {profile.model: rank for rank, profile in enumerate(modalities.profiles())}
    name = min(served, key=lambda known: (ranks.get(known, len(ranks)), known), default="")
    version = served.get(name, "")
    model = stores.holder(name, version)
    if model is None:
        raise BenchmarkError(f"{stores.problem(name, version)}" if name else "There is no model to try.")
    return model


def offered(engines: Sequence[str], model: Path) -> list[str]:
    """The engines without int8, for which a line says why, if the model can't be served in it."""
    from handlers.card import CARD_NAME, ModelCard
    from handlers.engines.int8 import why_not

    reason = why_not(ModelCard.load(model / CARD_NAME)) if INT8 in engines else None
    if reason:
        print(f"retinote: {INT8} is left out: {reason}", file=sys.stderr)
    return [engine for engine in engines if engine != INT8 or not reason]


def candidates(engines: Sequence[str]) -> Iterator[Capacity]:
    """Settings to try: each engine with different counts of workers that share all cores (or GPUs)."""
    from serving.capacity import DEFAULT_BATCHING, Capacity, core_count, gpu_count

    cores, gpus = core_count(), gpu_count()
    if gpus:
        chosen = [engine for engine in engines if engine in GPU_ENGINES]
        for engine, each in itertools.product(chosen, range(1, MAX_WORKERS_PER_GPU + 1)):
            yield Capacity(gpus * each, max(1, cores // (gpus * each)), engine, DEFAULT_BATCHING)
        return
    shares = sorted({count for count in (1, 2, cores // 4, cores // 2, cores) if 1 <= count <= cores})
    for engine, workers in itertools.product(engines, shares):
        yield Capacity(workers, cores // workers, engine, DEFAULT_BATCHING)


def other_batches(capacity: Capacity) -> list[int]:
    """Batch sizes to try in addition to that of a setting."""
    from serving.capacity import gpu_count

    return [size for size in (GPU_BATCHES if gpu_count() else CPU_BATCHES) if size != capacity.batching.size]


def best(trials: Sequence[Trial]) -> Trial:
    """The setting with the fastest lone answer among those with nearly the highest throughput."""
    most = max(trial.per_second for trial in trials)
    return min(
        (trial for trial in trials if trial.per_second >= NEARLY * most), key=lambda trial: trial.lone_ms
    )


def _describe(capacity: Capacity) -> str:
    batching = capacity.batching
    return f"{capacity.engine}, {capacity.workers} × {capacity.threads} threads, batches of {batching.size}"


def _run_trial(capacity: Capacity, store: Path, model: Path, data: Any, seconds: float) -> Trial:
    """Start TorchServe as the stack does, and measure it."""
    from benchmarks.scans import read_images
    from benchmarks.torchserve import retinote

    with tempfile.TemporaryDirectory(prefix="retinote-tune-") as name:
        images, _ = read_images(None, Path(name) / "scans")
        server = retinote(store, model, Path(name), capacity, engines=data.torchserve / "engines")
        try:
            refuse_other_engine(server.engines(), capacity.engine)
            return _measure(server, images, capacity, seconds)
        finally:
            server.stop()


def refuse_other_engine(reports: Sequence[EngineReport], engine: str) -> None:
    """Raise BenchmarkError if a worker answers by another engine than the one to be measured."""
    from benchmarks.errors import BenchmarkError

    for report in reports:
        if not report.engine.startswith(engine):
            raise BenchmarkError(f"{report.engine} answers in its place: {'; '.join(report.passed_over)}")


def _measure(server: Running, images: Sequence[bytes], capacity: Capacity, seconds: float) -> Trial:
    import requests

    from benchmarks.errors import BenchmarkError

    turns = itertools.cycle(images)
    session = requests.Session()
    session.mount("http", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def ask() -> float:
        started = time.perf_counter()
        answer = session.post(
            server.target.url,
            data=next(turns),
            headers=dict(server.target.headers),
            timeout=REQUEST_TIMEOUT_S,
        )
        if not answer.ok:
            raise BenchmarkError(f"the model server answers {answer.status_code}")
        return 1000 * (time.perf_counter() - started)

    for _ in range(3):
        ask()
    lone_ms = statistics.median(ask() for _ in range(LONE_REQUESTS))
    clients = min(64, 2 * capacity.workers * capacity.batching.size)
    ends = time.monotonic() + seconds

    def ask_until_the_end(_: int) -> int:
        count = 0
        while time.monotonic() < ends:
            ask()
            count += 1
        return count

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        answered = sum(pool.map(ask_until_the_end, range(clients)))
    return Trial(capacity, lone_ms, answered / (time.monotonic() - began))
