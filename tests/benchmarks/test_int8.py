"""`bench int8`: its rows, and the goal that is about one network and batch."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.int8 import TIME, condition, write_down
from benchmarks.report import Report
from handlers.engines.settings import COMPILED, INT8
from tests.stacks import retinote


@pytest.mark.parametrize(
    ("architecture", "int8_ms", "reached"),
    [("convnext_base", 40.0, [True]), ("convnext_base", 90.0, [False]), ("convnext_tiny", 40.0, [])],
)
def test_times_become_a_ratio_and_for_one_network_a_goal(
    architecture: str, int8_ms: float, reached: list[bool]
) -> None:
    report = Report("int8")

    def rows(name: str) -> list[dict[str, Any]]:
        whole = {"condition": condition(name, 8), "metric": TIME, "unit": "ms"}
        return [
            {**whole, "subject": COMPILED, "values": [80.0]},
            {**whole, "subject": INT8, "values": [int8_ms]},
        ]

    write_down(report, rows("other"), "other")
    write_down(report, rows(architecture), architecture)

    ratio = report.find("compiled / int8", condition(architecture, 8), "ratio of the times")
    assert ratio.values == (80.0 / int8_ms,)
    assert [goal.reached for goal in report.goals] == reached
    assert len([row for row in report.rows if row.metric == "ratio of the times"]) == 2


def test_no_rounds_are_refused() -> None:
    refused = retinote("bench", "int8", "--rounds", "0")

    assert refused.returncode == 2
    assert "--rounds, --threads and --batches: at least 1 is needed." in refused.stderr
