"""Trainings that are interrupted and go on, and trainings that several processes share."""

import csv
from pathlib import Path
from unittest.mock import Mock

import pytest

from handlers.network import load_network
from tests.training.command.conftest import SMALL, run
from tests.training.processes import Training
from tests.waiting import wait_for
from training import run as training_run
from training.checkpoint import CheckpointError, load, plan, save
from training.data.manifest import DataError
from training.data.reading import read_scans
from training.recipe import load_recipe

OPTIONS = (
    "--arch",
    "convnext_atto",
    "--no-pretrained",
    "--ls-init-value",
    "1",
    "--size",
    "32",
    "--batch-size",
    "8",
)


def start(tmp_path: Path, data: Path, out: Path, *options: str) -> Training:
    return Training(tmp_path / f"cache-{out.name}", "--data", data, "--out", out, *OPTIONS, *options)


def finished(training: Training) -> str:
    status, output = training.end()
    assert status == 0, output
    return output


def epochs(out: Path) -> list[dict[str, str]]:
    with (out / "epochs.csv").open(newline="") as lines:
        return [
            {key: value for key, value in row.items() if "second" not in key} for row in csv.DictReader(lines)
        ]


@pytest.mark.parametrize("recipe", ["published", "modern"])
def test_a_killed_training_goes_on_to_the_same_end(manifest_data: Path, tmp_path: Path, recipe: str) -> None:
    options = ("--recipe", recipe, "--epochs", "4", "--patience", "9")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    finished(start(tmp_path, manifest_data, whole, *options))

    training = start(tmp_path, manifest_data, stopped, *options)
    wait_for(lambda: (stopped / "checkpoint.pt").exists(), timeout_s=120)
    training.kill()
    assert not (stopped / "model.json").exists()

    output = finished(start(tmp_path, manifest_data, stopped, *options, "--resume"))
    assert "epoch 1:" not in output and "epoch 4:" in output
    assert epochs(stopped) == epochs(whole)
    assert load_network(stopped)[0].weights_sha256 == load_network(whole)[0].weights_sha256


def test_what_ended_while_statistics_were_made_is_finished_without_another_epoch(
    folder_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    options = ["--data", folder_data, "--out", out, "--cache", tmp_path / "cache", *SMALL]
    options += ["--epochs", 2, "--batch-size", 4]
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(training_run, "make_statistics", Mock(side_effect=KeyboardInterrupt))
        run(*options)
    trained, before = epochs(out), load_network(out)[0]
    assert before.statistics is None
    with pytest.raises(DataError, match="go on with --resume"):
        run(*options)

    assert run(*options, "--resume") == 0

    card, _ = load_network(out)
    assert card.statistics is not None and card.weights_sha256 == before.weights_sha256
    assert epochs(out) == trained and not (out / "checkpoint.pt").exists()
    with pytest.raises(DataError, match="holds a model already"):
        run(*options, "--resume")


def test_an_interrupted_training_is_not_started_again_by_accident(
    manifest_data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "checkpoint.pt").write_bytes(b"of an hour's work")
    training = start(tmp_path, manifest_data, out, "--epochs", "1")
    status, output = training.end()
    assert status == 2
    assert "--resume" in output and "--overwrite" in output and "Traceback" not in output
    assert (out / "checkpoint.pt").read_bytes() == b"of an hour's work"


def test_overwrite_takes_nothing_away_before_it_can_train(manifest_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    for name in ("checkpoint.pt", "model.json"):
        (out / name).write_bytes(b"of an hour's work")
    for options in (("--labels", "TYPO"), ("--pretrained-file", "typo"), ("--resume",)):
        status, output = start(tmp_path, manifest_data, out, "--overwrite", *options).end()
        assert status == 2 and "Traceback" not in output, output
    assert (out / "checkpoint.pt").exists() and (out / "model.json").exists()


def test_a_checkpoint_of_another_recipe_is_refused(manifest_data: Path, tmp_path: Path) -> None:
    scans = read_scans(manifest_data)
    begun = plan(load_recipe("published"), scans)
    save(tmp_path, begun, {"epochs": []})
    assert load(tmp_path, begun) == {"epochs": []}
    with pytest.raises(CheckpointError, match="learning_rate"):
        load(tmp_path, plan(load_recipe("published", {"learning_rate": 0.1}), scans))
    with pytest.raises(CheckpointError, match="the scans or their splits"):
        load(tmp_path, plan(load_recipe("published"), scans[1:]))
    (tmp_path / "checkpoint.pt").write_bytes(b"half of it")
    with pytest.raises(CheckpointError, match="--overwrite"):
        load(tmp_path, begun)


def test_a_checkpoint_that_cant_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    save(tmp_path, {}, {"epochs": [1]})
    (tmp_path / "checkpoint.pt.partial").mkdir()
    with pytest.raises((CheckpointError, OSError)):
        save(tmp_path, {}, {"epochs": [1, 2]})
    assert load(tmp_path, {}) == {"epochs": [1]}


def test_two_processes_learn_what_one_does(manifest_data: Path, tmp_path: Path) -> None:
    options = ("--epochs", "3", "--patience", "9", "--flip", "0", "--learning-rate", "0.0005")
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    finished(start(tmp_path, manifest_data, alone, *options))
    output = finished(start(tmp_path, manifest_data, shared, *options, "--processes", "2"))
    assert "2 processes" in output
    assert output.count("wrote ") == 1
    for ours, theirs in zip(epochs(alone), epochs(shared), strict=True):
        assert abs(float(ours["training_loss"]) - float(theirs["training_loss"])) < 0.3
    one, two = load_network(alone)[0].metrics["validation"], load_network(shared)[0].metrics["validation"]
    assert one["scans"] == two["scans"]
    assert abs(one["accuracy"] - two["accuracy"]) <= 0.2
