"""`./retinote bench gpu` on the CPU, very small: all that needs no GPU runs, and a failing step leaves the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.gpu import Plan, run_step, write_down
from benchmarks.report import Report
from tests.stacks import retinote

SMALL = ("--arch", "convnext_atto", "--batches", "1", "--seconds", "0.02", "--scans", "4")


def test_answers_and_speed_are_measured_without_a_gpu(tmp_path: Path) -> None:
    run = retinote(
        "bench", "gpu", "--device", "cpu", *SMALL, "--steps", "peak", "bf16", "graphs", "--out", tmp_path
    )
    assert run.returncode == 0, run.stdout + run.stderr

    report = Report.load(tmp_path / "gpu.json")
    speed = "convnext_atto, batch 1, on the device"
    assert report.find("bf16", speed, "throughput").median > 0
    assert 0 < report.find("bf16", speed, "share of the matrix peak").median
    (goal,) = report.goals
    assert goal.reached, goal
    assert any("CUDA graphs need" in note for note in report.notes)


def test_a_step_that_fails_says_why_and_leaves_the_others(tmp_path: Path) -> None:
    plan = Plan("cpu", "no_such_network", (1,), 0.02, str(tmp_path / "missing"), str(tmp_path), 4, 8, 32)

    failed = run_step("bf16", plan, limit_s=120)
    late = run_step("fp16", plan, limit_s=0.2)

    assert "status 1" in failed["failed"] and "missing" in failed["failed"]
    assert late["failed"].startswith("it took longer than")
    report = Report("test")
    write_down(report, {"bf16": failed, "fp16": late}, "no_such_network")
    assert [note.partition(":")[0] for note in report.notes[:2]] == ["bf16", "fp16"]


def test_a_step_that_ends_its_process_is_a_failed_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "benchmarks" / "gpu_steps.py"
    module.parent.mkdir()
    (module.parent / "__init__.py").touch()
    module.write_text("import os\nos.abort()\n", encoding="utf-8")
    monkeypatch.setattr("benchmarks.gpu.ROOT", tmp_path)
    plan = Plan("cpu", "convnext_atto", (1,), 0.02, str(tmp_path), str(tmp_path), 4, 8, 32)

    assert run_step("graphs", plan, limit_s=30)["failed"].startswith("signal 6")
