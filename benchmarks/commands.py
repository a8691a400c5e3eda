"""The command `bench`: the list of benchmarks. What a benchmark needs is imported when it runs."""

from __future__ import annotations

import argparse
import importlib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_OUT = ROOT / "runs" / "bench"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: its line in the help, and the module whose `declare` adds its options and whose `run` measures."""

    help: str
    module: str


BENCHMARKS: dict[str, Benchmark] = {
    "tune": Benchmark(
        "find workers, threads, engine and batches for this machine, and keep them", "benchmarks.tune"
    ),
    "inference": Benchmark("the forward pass and its explanation, by every engine", "benchmarks.inference"),
    "int8": Benchmark(
        "the int8 engine beside the compiled one, and the layers that decide", "benchmarks.int8"
    ),
    "servers": Benchmark("speed over HTTP, beside other model servers", "benchmarks.servers"),
    "beside": Benchmark(
        "answers a second beside another server and beside the model code alone, in turns of seconds",
        "benchmarks.beside",
    ),
    "soak": Benchmark("memory of the model server under steady load", "benchmarks.soak"),
    "drift": Benchmark(
        "how soon drift is noticed, and how often it is where there is none", "benchmarks.drift"
    ),
    "faults": Benchmark(
        "whether anything is lost while services die, freeze and are cut off", "benchmarks.faults"
    ),
    "rollouts": Benchmark(
        "whether shadows, canaries, promotions and rollbacks lose or mix answers, also when services are killed",
        "benchmarks.rollouts",
    ),
    "start": Benchmark("time and memory of a stack's start", "benchmarks.start"),
    "web": Benchmark(
        "the web app: uploads, volumes, and lists with up to a million stored scans", "benchmarks.web"
    ),
    "dicom": Benchmark(
        "instances received a second, beside dcmtk, and whether any is lost while services are killed",
        "benchmarks.dicom",
    ),
    "page": Benchmark(
        "the page in a browser: from a drop to its answer, a long worklist, many shapes",
        "benchmarks.page_speed",
    ),
    "gate": Benchmark(
        "whether the gate refuses ten bad candidates, each for its reason, and passes ten good ones",
        "benchmarks.gate",
    ),
    "training": Benchmark(
        "scans a second of a training, beside timm's loader or timm's own script",
        "benchmarks.training_throughput",
    ),
    "learning": Benchmark(
        "how many labels it takes to learn, by the order in which readers are given scans",
        "benchmarks.learning",
    ),
    "gpu": Benchmark(
        "the CUDA path in 8 minutes: right answers, speed, TorchServe and training on a GPU", "benchmarks.gpu"
    ),
}


def add_bench_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the benchmarks; each brings its own options."""
    names = parser.add_subparsers(dest="benchmark", metavar="BENCHMARK", required=True)
    for name, benchmark in BENCHMARKS.items():
        subparser = names.add_parser(
            name, help=benchmark.help, description=benchmark.help[0].upper() + benchmark.help[1:] + "."
        )
        subparser.add_argument(
            "--out",
            type=Path,
            default=DEFAULT_OUT,
            metavar="DIR",
            help="folder for the measurements and plots (default: %(default)s)",
        )
        importlib.import_module(benchmark.module).declare(subparser)


def bench(arguments: argparse.Namespace) -> int:
    """Run one benchmark; returns its exit status."""
    status: int = importlib.import_module(BENCHMARKS[arguments.benchmark].module).run(arguments)
    return status
