"""The comparison in turns: which goals it judges, and the whole of it, as short as it can be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.beside import DIFFERENCE, LONE, RATIO, SHARE, divided_by, goals
from benchmarks.cells import with_clients
from benchmarks.environment import LOCK, ROOT, VENV, is_current
from benchmarks.report import Report

ATTO = "convnext_atto"
BENTO, LITSERVE = "BentoML, same model code", "LitServe, same model code"


def test_the_median_of_all_turns_is_judged() -> None:
    report = Report("Beside others, in turns")
    lone, many = with_clients(ATTO, 1, True), with_clients(ATTO, 8, True)
    report.add(LONE, lone, DIFFERENCE, "ms", (9, 4, 3))
    report.add(SHARE, many, RATIO, "times", (0.5, 0.94, 0.95))
    report.add(divided_by(BENTO), many, RATIO, "times", (1.3, 1.0, 1.04))
    report.add(divided_by(LITSERVE), many, RATIO, "times", (1.3, 1.0, 1.2))

    judged = {goal.name: (goal.value, goal.reached) for goal in goals(report, ATTO, [8], [BENTO, LITSERVE])}

    assert judged == {
        f"{LONE}, {lone}": (4, True),
        f"{SHARE}, {many}": (0.94, True),
        f"{divided_by(BENTO)}, {many}": (1.04, False),
        f"{divided_by(LITSERVE)}, {many}": (1.2, True),
    }


@pytest.mark.skipif(
    not is_current(VENV, LOCK),
    reason="the load generator's environment would have to be downloaded: ./retinote bench beside makes it",
)
def test_it_measures_a_lone_request_and_whole_batches(tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            *(sys.executable, ROOT / "cli.py", "bench", "beside", "--architecture", ATTO, "--servers"),
            *("--clients", "2", "--turns", "2", "--seconds", "0.5", "--out", tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert ran.returncode == 0, ran.stderr
    rows = json.loads((tmp_path / "beside.json").read_text())["rows"]
    measured = {(row["subject"], row["condition"]): row["values"] for row in rows}
    for explain in (True, False):
        assert len(measured[LONE, with_clients(ATTO, 1, explain)]) == 2
        assert all(ratio > 0 for ratio in measured[SHARE, with_clients(ATTO, 2, explain)])
