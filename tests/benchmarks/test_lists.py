"""What a benchmark of lists asks for, and what it makes of the times."""

from __future__ import annotations

from typing import Any, cast

import pytest

from benchmarks.history import moment_of
from benchmarks.lists import GROWTH_FROM, GROWTH_TO, PATHS, FilledDatabase, _add, queries
from benchmarks.report import Report
from benchmarks.web_plot import draw

FULL, FEWER = "history: clinician, first page", "history: clinician, eye"


@pytest.fixture
def report() -> Report:
    """Of two sizes: the full page takes twice as long at a million, another one grows because it has more to show."""
    databases = [FilledDatabase(size, cast(Any, None)) for size in (GROWTH_FROM, GROWTH_TO)]
    times = {}
    for filled, full, fewer in zip(databases, (10.0, 20.0), (1.0, 50.0), strict=True):
        for path in PATHS:
            for name, took in ((FULL, full), (FEWER, fewer)):
                times[(filled.size, name.replace("history", path))] = [[took, took], [took]]
                filled.records[name.replace("history", path)] = 50
    databases[0].records |= {FEWER.replace("history", path): 7 for path in PATHS}
    made = Report("pages")
    _add(made, times, databases)
    return made


def test_there_is_a_row_for_each_page_and_one_for_all(report: Report) -> None:
    assert report.find(FULL, f"{GROWTH_TO} scans", "p95").values == (20.0, 20.0)
    assert report.find("history: all pages", f"{GROWTH_TO} scans", "p95").values == (50.0, 50.0)


def test_the_page_that_grows_most_is_one_of_the_same_length(report: Report) -> None:
    goals = {goal.name: (goal.value, goal.reached) for goal in report.goals}
    assert goals["history p50 at 1e6 / at 1e4, most: clinician, first page"] == (2.0, False)
    assert goals["history p95 at 1e6 / at 1e4: all pages"] == (5.0, False)


def test_the_report_can_be_drawn(report: Report, tmp_path: Any) -> None:
    draw(report, tmp_path / "plots" / "web.png")
    assert (tmp_path / "plots" / "web.png").read_bytes().startswith(b"\x89PNG")


def test_times_that_are_asked_for_lie_in_the_history() -> None:
    (window,) = [query.parameters for query in queries(1000) if "uploaded_after" in query.parameters]
    assert moment_of(0).isoformat() < window["uploaded_after"] < window["uploaded_before"]
    assert window["uploaded_before"] < moment_of(999).isoformat()
