"""Where the time of a lone request goes that is not the network's forward pass."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.cells import MS, P50, Collected, Visit, with_clients
from benchmarks.in_process import Direct
from benchmarks.load import Load, Shot, run_load
from benchmarks.subjects import RETINOTE
from benchmarks.torchserve import Running, register_echo

ECHO = "TorchServe with a handler that does nothing"
BREAKDOWN = f"{RETINOTE}, where a lone request's time goes"
HANDLER_STEPS = ("decode", "forward", "explain", "encode")


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
    target = register_echo(server)
    for explain in (True, False):
        load = loads[1, explain]
        if not load.times_ms:
            continue
        headers = dict(target.headers) | {
            "Content-Type": "image/jpeg",
            "X-Answer-Bytes": str(int(load.answer_bytes)),
        }
        shots = [Shot(image, headers) for image in visit.images]
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
