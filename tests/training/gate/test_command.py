"""`./retinote models gate` and `promote`, from two versions in a store to the one that answers."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest

from benchmarks.gate_candidates import forgotten, renamed
from operations.errors import OperationsError
from operations.models.commands import add_models_arguments, models
from operations.stack.folder import DataFolder
from serving.gates import read_gate
from serving.registry import Registry
from tests.training.gate.conftest import World
from tests.training.gate.test_candidates import workshop


def run(data: DataFolder, store: Path, *words: object) -> int:
    """Run an action of `models` on a data folder; its exit status."""
    parser = argparse.ArgumentParser()
    add_models_arguments(parser)
    every = [*map(str, words), "--model-store", str(store), "--data-dir", str(data.path)]
    return models(parser.parse_args(every))


def test_a_version_that_passes_is_promoted_and_one_that_does_not_is_refused(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    data, store = DataFolder(tmp_path / "var"), tmp_path / "store"
    data.make()
    shutil.copytree(world.champion, store / "spots" / "1.0.0")
    made = workshop(world, data.model_store)
    renamed(made, "1.1.0")
    forgotten(made, "1.2.0")

    with pytest.raises(OperationsError, match=r"spots 1\.1\.0 has not been compared with 1\.0\.0"):
        run(data, store, "promote", "spots", "1.1.0")
    assert run(data, store, "gate", "spots", "1.1.0", "--data", world.test) == 0
    printed = capfd.readouterr().out
    assert "To have it answer by default: ./retinote models promote spots 1.1.0" in printed
    assert "not judged: Stored scans replayed: No stack runs on the data folder" in printed
    gate = read_gate(data.gates / "spots" / "1.1.0" / "gate.json")
    assert (data.model_store / "spots" / "1.1.0" / "gate.json").read_bytes() == gate.path.read_bytes()
    assert {path.name for path in gate.path.parent.iterdir()} == {"gate.json", "gate.html", "gate.pdf"}

    assert run(data, store, "gate", "spots", "1.2.0", "--data", world.test) == 1
    assert "not passed: Recall of BRIGHT (test, split test)" in capfd.readouterr().out
    with pytest.raises(OperationsError, match=r"has not passed its gate against 1\.0\.0"):
        run(data, store, "promote", "spots", "1.2.0")

    assert run(data, store, "promote", "spots", "1.1.0") == 0
    assert Registry(data.registry).choice("spots").default == "1.1.0"
    notes = [json.loads(line) for line in data.changes.read_text().splitlines()]
    assert [note["action"] for note in notes] == ["model.gate", "model.gate", "model.promote"]
    assert notes[0]["gate"] == gate.sha256 and "override" not in notes[-1]

    # What can't be compared leaves the earlier gate as it was.
    assert run(data, store, "gate", "spots", "1.0.0", "--data", tmp_path / "nowhere") == 2
    assert "is no folder and no manifest" in capfd.readouterr().err
    assert not (data.gates / "spots" / "1.0.0").exists()
