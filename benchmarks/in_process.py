"""The model code without a server: `python -m benchmarks.in_process PLAN.json NUMBER`, in a process of its own.

The process prints "ready" once it is warm. For each line of JSON that it reads, with `explain`, `batch` and `seconds`,
it measures for that long and prints the measurements as a line of JSON. It ends when there is nothing more to read.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.errors import BenchmarkError

ROOT = Path(__file__).resolve().parent.parent
WARM_CALLS = 5
MIN_CALLS = 5
READY = "ready"


@dataclass(frozen=True)
class Plan:
    """What a process needs to measure; images are the files of a folder."""

    model: str
    images: tuple[str, ...]
    threads: int


@dataclass(frozen=True)
class CallTimes:
    """The times of calls of `Predictor.answer`, with or without explanation."""

    p50_ms: float
    """Median time of a call with a whole batch."""
    images_per_second: float
    json_ms: float
    """Median time to encode one answer as JSON, which a server also has to do."""


class InProcess:
    """Processes with the model code, all of which measure at the same time."""

    def __init__(self, started: Sequence[tuple[subprocess.Popen[str], Path]]) -> None:
        self._started = started

    def measure(self, *, explain: bool, batch: int, seconds: float) -> CallTimes:
        """Their median times and joint throughput in `seconds`. Raises BenchmarkError if one fails."""
        for process, _ in self._started:
            _line(process.stdin, json.dumps({"explain": explain, "batch": batch, "seconds": seconds}))
        return _joined([CallTimes(**json.loads(_answer_of(process, log))) for process, log in self._started])


@contextmanager
def in_process(plan: Plan, environment: Mapping[str, str], processes: int) -> Iterator[InProcess]:
    """`processes` processes with the model code, warm and waiting; each has a GPU if there are any.

    Raises BenchmarkError if one fails.
    """
    with tempfile.TemporaryDirectory(prefix="retinote-direct-") as name, ExitStack() as stack:
        path = Path(name) / "plan.json"
        path.write_text(json.dumps(asdict(plan)), encoding="utf-8")
        started = [
            stack.enter_context(_started(path, number, environment, Path(name) / f"{number}.log"))
            for number in range(processes)
        ]
        for process, log in started:
            _answer_of(process, log)
        yield InProcess(started)


def _answer_of(process: subprocess.Popen[str], log: Path) -> str:
    """The next line of a process. Raises BenchmarkError if it ends instead."""
    assert process.stdout
    line = process.stdout.readline().strip()
    if not line:
        output = log.read_text(errors="replace").strip()[-2000:]
        raise BenchmarkError(f"The model code failed in process.\n{output}")
    return line


def _joined(parts: Sequence[CallTimes]) -> CallTimes:
    return CallTimes(
        p50_ms=statistics.median(part.p50_ms for part in parts),
        images_per_second=sum(part.images_per_second for part in parts),
        json_ms=statistics.median(part.json_ms for part in parts),
    )


@contextmanager
def _started(
    plan: Path, number: int, environment: Mapping[str, str], log: Path
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.in_process", str(plan), str(number)],
            env=dict(environment) | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield process, log
        finally:
            process.kill()
            process.wait()


def _line(stream: IO[str] | None, text: str) -> None:
    assert stream
    stream.write(f"{text}\n")
    stream.flush()


def main(path: Path, number: int) -> None:
    """Measure in this process what the plan says; GPUs, if there are any, are assigned in turns."""
    import cv2
    import torch

    from handlers.predictor import Predictor
    from handlers.request import Options, Request

    content = json.loads(path.read_text(encoding="utf-8"))
    plan = Plan(**content | {"images": tuple(content["images"])})
    cv2.setNumThreads(plan.threads)
    torch.set_num_threads(plan.threads)
    gpus = torch.cuda.device_count()
    predictor = Predictor.load(Path(plan.model), torch.device("cuda", number % gpus) if gpus else None)
    images = [Path(image).read_bytes() for image in plan.images]
    requests = {
        explain: itertools.cycle([Request(image, options=Options(explain=explain)) for image in images])
        for explain in (True, False)
    }
    for _, endless in itertools.product(range(WARM_CALLS), requests.values()):
        predictor.answer([next(endless)])
    # Standard output is the parent's to read; whatever else prints goes to the log.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _line(output, READY)
    for line in sys.stdin:
        asked = json.loads(line)
        times = _measure(
            predictor.answer, requests[asked["explain"]], batch=asked["batch"], seconds=asked["seconds"]
        )
        _line(output, json.dumps(asdict(times)))


def _measure(answer: Any, requests: Iterator[Any], *, batch: int, seconds: float) -> CallTimes:
    from handlers.answer import as_json

    answer(list(itertools.islice(requests, batch)))  # warms what the last measurement did not need
    times: list[float] = []
    last: list[Any] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(times) < MIN_CALLS:
        together = list(itertools.islice(requests, batch))
        started = time.perf_counter()
        last = answer(together)
        times.append(1000 * (time.perf_counter() - started))
    json_times = []
    for outcome in last * MIN_CALLS:
        started = time.perf_counter()
        as_json(outcome)
        json_times.append(1000 * (time.perf_counter() - started))
    return CallTimes(
        p50_ms=statistics.median(times),
        images_per_second=1000 * batch * len(times) / sum(times),
        json_ms=statistics.median(json_times),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
