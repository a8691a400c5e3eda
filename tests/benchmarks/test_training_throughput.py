"""`./retinote bench training`, very short: every way to feed the step is measured and written down."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import Report
from benchmarks.training_throughput import ALONE
from tests.stacks import retinote


def test_every_way_to_feed_the_step_is_measured(tmp_path: Path) -> None:
    short = ("--size", "32", "--batch-size", "4", "--scans", "8", "--steps", "1", "--rounds", "1")
    run = retinote("bench", "training", *short, "--out", tmp_path)
    assert run.returncode == 0, run.stderr

    rows = Report.load(tmp_path / "training.json").rows
    measured = [row.subject for row in rows if row.metric == "throughput"]
    assert measured[0] == ALONE
    assert {"Retinote, published", "Retinote, modern", "timm's loader, 2 worker(s)"} < set(measured)
    assert all(row.median > 0 for row in rows)


def test_fewer_scans_than_a_batch_has_are_refused() -> None:
    refused = retinote("bench", "training", "--scans", "8")

    assert refused.returncode == 2
    assert "--scans: at least as many as a batch has" in refused.stderr
