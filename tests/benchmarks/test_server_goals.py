"""Which goals `bench servers` judges, and by which numbers."""

import pytest

from benchmarks.cells import P50, RATE, with_clients
from benchmarks.report import Goal, Report
from benchmarks.server_goals import IN_PROCESS, best_rate, goals, in_process_condition
from benchmarks.subjects import RETINOTE, SAME, TORCHSERVE_PLAIN, peer_name

BASE = "convnext_base"


@pytest.fixture
def report() -> Report:
    """Retinote at 1 and 8 clients, the model code alone, and two other servers."""
    found = Report("Served speed")
    for explain in (True, False):
        for clients, rates in ((1, (10, 12, 11)), (8, (18, 17, 19))):
            found.add(RETINOTE, with_clients(BASE, clients, explain), RATE, "1/s", rates)
        found.add(RETINOTE, with_clients(BASE, 1, explain), P50, "ms", (90, 91, 95))
        found.add(IN_PROCESS, in_process_condition(BASE, 1, explain), P50, "ms", (84, 86, 88))
        found.add(IN_PROCESS, in_process_condition(BASE, 8, explain), RATE, "1/s", (20, 19, 21))
    found.add(peer_name("LitServe", SAME), with_clients(BASE, 8, True), RATE, "1/s", (20, 20, 20))
    found.add(TORCHSERVE_PLAIN, with_clients(BASE, 8, True), RATE, "1/s", (1.5, 1.5, 1.4))
    return found


def judged(report: Report, name: str) -> Goal:
    (goal,) = (goal for goal in goals(report, [BASE], [1, 8], 8) if goal.name == name)
    return goal


def test_saturation_is_the_best_number_of_clients(report: Report) -> None:
    assert best_rate(report, RETINOTE, BASE, [1, 8], explain=True) == 18


def test_served_throughput_beside_the_model_code(report: Report) -> None:
    goal = judged(report, f"served throughput / in process at batch 8, {BASE}, with explanation")

    assert (goal.value, goal.reached) == (0.9, False)


def test_what_a_lone_request_waits_besides(report: Report) -> None:
    goal = judged(report, f"1 client: p50 over HTTP - in process, {BASE}, without explanation")

    assert (goal.value, goal.unit, goal.reached) == (5, "ms", True)


def test_beside_another_server_with_the_same_model_code(report: Report) -> None:
    goal = judged(report, f"best throughput / LitServe, {SAME}, {BASE}, with explanation")

    assert (goal.value, goal.reached) == (0.9, False)


def test_beside_the_plain_handler(report: Report) -> None:
    goal = judged(report, f"best throughput / {TORCHSERVE_PLAIN}, {BASE}, with explanation")

    assert (goal.value, goal.limit, goal.reached) == (12, 10, True)


def test_what_was_not_measured_is_not_judged(report: Report) -> None:
    names = [goal.name for goal in goals(report, [BASE, "convnext_atto"], [1, 8], 8)]

    assert len(names) == 6
    assert not any("BentoML" in name or "convnext_atto" in name for name in names)
