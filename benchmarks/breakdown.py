"""Where the time goes that is not the network's forward pass: of a lone request, and of batches."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.cells import MS, P50, PER_SECOND, RATE, Collected, Visit, with_clients
from benchmarks.in_process import Direct
from benchmarks.load import Load, Shot, Target, run_load
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
    direct: Mapping[bool, Direct],
    collected: Collected,
) -> None:
    """Measure TorchServe's own cost with bodies and answers of the same size, and write down all parts.

    The steps of the handler are told by its answers, the JSON's encoding was measured in process (`direct`), and the
    rest of the p50 is what lies between: threads and caches that two processes share, the handler's log.
    """
    targets = {size: register_echo(server, Batching(size)) for size in BATCHES}
    target = targets[BATCHES[-1]]
    for explain in (True, False):
        load = loads[1, explain]
        if not load.times_ms:
            continue
        shots = _echo_shots(visit, target, int(load.answer_bytes))
        echoed = run_load(visit.python, target.url, shots, clients=1, seconds=visit.seconds)
        condition = with_clients(architecture, 1, explain)
        collected.add(ECHO, condition, P50, MS, echoed.percentile_ms(50))
        parts = {step: load.timings_ms[step] for step in HANDLER_STEPS if step in load.timings_ms}
        if explain in direct:
            parts["JSON of the answer"] = direct[explain].json_ms
        parts["TorchServe and HTTP (the handler that does nothing)"] = echoed.percentile_ms(50)
        parts["not accounted for"] = load.percentile_ms(50) - sum(parts.values())
        for part, took_ms in parts.items():
            collected.add(BREAKDOWN, condition, part, MS, took_ms)
    if loads[1, True].times_ms:
        _measure_batches(visit, targets, int(loads[1, True].answer_bytes), collected)


def _measure_batches(
    visit: Visit, targets: Mapping[int, Target], answer_bytes: int, collected: Collected
) -> None:
    """What TorchServe hands on by itself in batches of each size; the answers are as large as explained ones."""
    for size, target in targets.items():
        shots = _echo_shots(visit, target, answer_bytes)
        echoed = run_load(visit.python, target.url, shots, clients=MANY_CLIENTS, seconds=visit.seconds)
        condition = f"batches of {size}, {MANY_CLIENTS} clients, answers of {answer_bytes // 1000} kB"
        collected.add(ECHO, condition, RATE, PER_SECOND, echoed.per_second)


def _echo_shots(visit: Visit, target: Target, answer_bytes: int) -> list[Shot]:
    headers = dict(target.headers) | {"Content-Type": "image/jpeg", "X-Answer-Bytes": str(answer_bytes)}
    return [Shot(image, headers) for image in visit.images]
