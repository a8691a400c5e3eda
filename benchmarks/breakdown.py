"""Breaks down the time of a lone request, and measures what TorchServe itself costs for batches."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.cells import MS, P50, PER_SECOND, RATE, Measurements, Visit, with_clients
from benchmarks.in_process import CallTimes
from benchmarks.load import Load, LoadRequest, Target, run_load
from benchmarks.subjects import RETINOTE
from benchmarks.torchserve import Running, register_echo
from serving.capacity import Batching

ECHO = "TorchServe with a handler that does nothing"
BREAKDOWN = f"{RETINOTE}, where a lone request's time goes"
HANDLER_STEPS = ("decode", "forward", "explain", "encode")
BATCHES = (1, 2, 4, 8)
MANY_CLIENTS = 32


def measure_breakdown(
    visit: Visit,
    architecture: str,
    server: Running,
    loads: Mapping[tuple[int, bool], Load],
    direct: Mapping[bool, CallTimes],
    measurements: Measurements,
) -> None:
    """Measure TorchServe's own cost with bodies and answers of the same size, and record all parts of a request.

    The handler's answers name its steps, the encoding of JSON was measured in process (`direct`). What is left of the
    p50 is caused by threads and caches that two processes share, and by the handler's log.
    """
    targets = {size: register_echo(server, Batching(size)) for size in BATCHES}
    target = targets[BATCHES[-1]]
    for explain in (True, False):
        load = loads[1, explain]
        if not load.times_ms:
            continue
        load_requests = _echo_requests(visit, target, int(load.answer_bytes))
        echoed = run_load(visit.python, target.url, load_requests, clients=1, seconds=visit.seconds)
        condition = with_clients(architecture, 1, explain)
        measurements.add(ECHO, condition, P50, MS, echoed.percentile_ms(50))
        parts = {step: load.timings_ms[step] for step in HANDLER_STEPS if step in load.timings_ms}
        if explain in direct:
            parts["JSON of the answer"] = direct[explain].json_ms
        parts["TorchServe and HTTP (the handler that does nothing)"] = echoed.percentile_ms(50)
        parts["not accounted for"] = load.percentile_ms(50) - sum(parts.values())
        for part, took_ms in parts.items():
            measurements.add(BREAKDOWN, condition, part, MS, took_ms)
    if loads[1, True].times_ms:
        _measure_batches(visit, targets, int(loads[1, True].answer_bytes), measurements)


def _measure_batches(
    visit: Visit, targets: Mapping[int, Target], answer_bytes: int, measurements: Measurements
) -> None:
    """Measure the throughput of TorchServe alone for each size of batches, with answers as large as explained ones."""
    for size, target in targets.items():
        load_requests = _echo_requests(visit, target, answer_bytes)
        echoed = run_load(
            visit.python, target.url, load_requests, clients=MANY_CLIENTS, seconds=visit.seconds
        )
        condition = f"batches of {size}, {MANY_CLIENTS} clients, answers of {answer_bytes // 1000} kB"
        measurements.add(ECHO, condition, RATE, PER_SECOND, echoed.per_second)


def _echo_requests(visit: Visit, target: Target, answer_bytes: int) -> list[LoadRequest]:
    headers = dict(target.headers) | {"Content-Type": "image/jpeg", "X-Answer-Bytes": str(answer_bytes)}
    return [LoadRequest(image, headers) for image in visit.images]
