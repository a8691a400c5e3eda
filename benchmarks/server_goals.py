"""The goals for speed over HTTP, as ratios and differences of the measured medians."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.cells import P50, RATE, with_clients, with_explanation
from benchmarks.report import Goal, Report
from benchmarks.subjects import PEERS, RETINOTE, SAME, TORCHSERVE_PLAIN, peer_name

IN_PROCESS = "in process"
SERVED_SHARE = 0.93
"""Share of the throughput of the model code without a server."""
LONE_OVERHEAD_MS = 5.0
PLAIN_FACTOR = 10.0
PLAIN_ARCHITECTURE = "convnext_base"
SAME_FACTORS = {"BentoML": 1.05, "LitServe": 1.2, "Ray Serve": 1.2}
"""Throughput, divided by that of another server with the same model code."""


def same_factor(server: str) -> float:
    """The factor for a server by its name; 1 for those without a goal of their own."""
    return next((factor for name, factor in SAME_FACTORS.items() if server.startswith(name)), 1.0)


def in_process_condition(architecture: str, batch: int, explain: bool) -> str:
    """The condition of an in-process row."""
    return f"{architecture}, batch {batch}, {with_explanation(explain)}"


def best_rate(
    report: Report, subject: str, architecture: str, clients: Sequence[int], explain: bool
) -> float:
    """The best median throughput over the numbers of clients. Raises LookupError when none was measured."""
    rates = [
        row.median
        for count in clients
        for row in report.rows
        if (row.subject, row.condition, row.metric)
        == (subject, with_clients(architecture, count, explain), RATE)
    ]
    if not rates:
        raise LookupError(f"{subject} was not measured with {architecture}")
    return max(rates)


def goals(report: Report, architectures: Sequence[str], clients: Sequence[int], batch: int) -> Iterator[Goal]:
    """The goals for which all rows were measured."""
    for architecture in architectures:
        for explain in (True, False):
            yield from _beside_the_model_code(report, architecture, clients, batch, explain)
        yield from _beside_others(report, architecture, clients)


def _beside_the_model_code(
    report: Report, architecture: str, clients: Sequence[int], batch: int, explain: bool
) -> Iterator[Goal]:
    what = f"{architecture}, {with_explanation(explain)}"
    try:
        direct = report.find(IN_PROCESS, in_process_condition(architecture, batch, explain), RATE)
        served = best_rate(report, RETINOTE, architecture, clients, explain)
        lone = report.find(IN_PROCESS, in_process_condition(architecture, 1, explain), P50)
    except LookupError:
        return
    yield Goal(
        f"served throughput / in process at batch {batch}, {what}",
        served / direct.median,
        SERVED_SHARE,
        at_least=True,
        unit="times",
    )
    try:
        one_client = report.find(RETINOTE, with_clients(architecture, 1, explain), P50)
    except LookupError:
        return
    yield Goal(
        f"1 client: p50 over HTTP - in process, {what}",
        one_client.median - lone.median,
        LONE_OVERHEAD_MS,
        unit="ms",
    )


def _beside_others(report: Report, architecture: str, clients: Sequence[int]) -> Iterator[Goal]:
    others = [(peer_name(peer, SAME), same_factor(peer)) for peer in PEERS]
    if architecture == PLAIN_ARCHITECTURE:
        others.append((TORCHSERVE_PLAIN, PLAIN_FACTOR))
    for other, factor in others:
        try:
            ours = best_rate(report, RETINOTE, architecture, clients, True)
            theirs = best_rate(report, other, architecture, clients, True)
        except LookupError:
            continue
        if theirs:
            yield Goal(
                f"best throughput / {other}, {architecture}, with explanation",
                ours / theirs,
                factor,
                at_least=True,
                unit="times",
            )
