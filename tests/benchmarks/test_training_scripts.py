"""How the log of timm's script is read, and what both scripts are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.training_scripts import (
    Task,
    measure_scripts,
    our_command,
    rates_in_log,
    timm_command,
    warm_rate,
)

LOG = """
Train: 0 [   0/2 ( 50%)]  Loss: 0.693 (0.693)  Time: 1.900s,   16.84/s  (1.900s,   16.84/s)  LR: 1.000e-03  Data: 0.9
Train: 0 [   1/2 (100%)]  Loss: 0.690 (0.692)  Time: 0.500s,   64.00/s  (1.200s,   26.67/s)  LR: 1.000e-03  Data: 0.5
Test: [   0/0]  Time: 0.2 (0.2)  Loss:   0.689 ( 0.689)  Acc@1:  50.000 ( 50.000)  Acc@5: 100.000 (100.000)
Train: 1 [ 298/300 (100%)]  Loss: 0.690 (0.692)  Time: 0.500s,   64.00/s  (0.500s,   64.00/s)  LR: 1.000e-03  Data: 0.1
Train: 1 [ 299/300 (100%)]  Loss: 0.690 (0.692)  Time: 0.500s,   64.00/s  (0.400s,   80.00/s)  LR: 1.000e-03  Data: 0.1
"""
TASK = Task(Path("data"), "convnext_atto", 128, 32, epochs=3, precision="bf16")


def test_the_rate_of_an_epoch_stands_in_its_last_line() -> None:
    assert rates_in_log(LOG) == [26.67, 80.0]


def test_the_first_epoch_warms_up() -> None:
    assert warm_rate([1.0, 8.0, 9.0, 10.0], "it") == 9.0
    with pytest.raises(BenchmarkError, match="it printed no epoch after the first"):
        warm_rate([1.0], "it")


def test_both_scripts_get_the_same_task() -> None:
    ours, theirs = our_command(TASK, Path("out")), timm_command(TASK, Path("train.py"), Path("out"), 2)

    for option in ("--batch-size", "--epochs", "--weight-decay", "--seed"):
        assert ours[ours.index(option) + 1] == theirs[theirs.index(option) + 1]
    assert "--amp" in theirs and "--amp" not in timm_command(
        Task(Path("data"), "convnext_atto", 128, 32, epochs=3, precision="fp32"),
        Path("train.py"),
        Path("out"),
        2,
    )


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="--timm-script: there is no file"):
        measure_scripts(TASK, tmp_path / "train.py", rounds=1)
