"""`train` from a folder of scans to a model that the model server's own code loads."""

import argparse
import csv
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from handlers.network import load_network
from handlers.preprocessing import to_tensor
from training.cache import read_pixels
from training.commands import add_train_arguments, train
from training.data.manifest import DataError, read_scans
from training.loop import TrainingError
from training.networks import WeightsError
from training.recipe import RecipeError

SMALL = ["--arch", "convnext_atto", "--no-pretrained", "--ls-init-value", 1, "--size", 32]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(*options: object) -> int:
    parser = argparse.ArgumentParser()
    add_train_arguments(parser)
    return train(parser.parse_args([str(option) for option in options]))


def test_a_trained_model_tells_the_labels_apart(manifest_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    quick = ["--epochs", 6, "--batch-size", 8, "--learning-rate", 0.0005, "--patience", 6, "--flip", 0]
    assert run("--data", manifest_data, "--out", out, "--version", "1.2.3", *SMALL, *quick) == 0

    card, network = load_network(out)
    assert (card.name, card.version, card.labels) == ("retina-oct", "1.2.3", ("HIGH", "LOW"))
    assert card.data["sources"][0]["licence"] == "CC BY 4.0"
    assert card.metrics["validation"]["accuracy"] >= 0.75
    assert str(tmp_path) not in (out / "model.json").read_text()

    scans = read_scans(manifest_data)
    batch = torch.stack([to_tensor(read_pixels(scan), card.input) for scan in scans])
    with torch.inference_mode():
        said = [card.labels[index] for index in network(batch).argmax(1)]
    right = sum(label == scan.label for label, scan in zip(said, scans, strict=True))
    assert right >= 0.75 * len(scans)


def test_the_modern_recipe_trains_from_one_size_to_the_next(
    folder_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    sizes = ["--epochs", 2, "--batch-size", 4, "--first-size", 32, "--first-epochs", 1]
    run("--data", folder_data, "--out", out, "--recipe", "modern", *SMALL, *sizes)
    card, _ = load_network(out)
    assert card.metrics["test"]["scans"] == 4
    assert card.made_with["recipe"]["optimizer"] == "adamw"
    assert any("Patients are not known" in limit for limit in card.limits)
    assert "macro F1" in capsys.readouterr().out


def test_every_epoch_is_logged(folder_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    run("--data", folder_data, "--out", out, *SMALL, "--epochs", 2, "--batch-size", 4)
    with (out / "epochs.csv").open(newline="") as lines:
        epochs = list(csv.DictReader(lines))
    assert [row["number"] for row in epochs] == ["1", "2"]
    assert 0 <= float(epochs[1]["validation_accuracy"]) <= 1
    assert (out / "reports.txt").read_text().count("precision") == 2
    curves = EventAccumulator(str(out / "tensorboard"))
    curves.Reload()
    assert [event.step for event in curves.Scalars("validation/accuracy")] == [1, 2]
    assert not (out / "checkpoint.pt").exists()


def test_a_training_that_goes_on_from_another_says_so(folder_data: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    sizes = ["--epochs", 1, "--batch-size", 4]
    run("--data", folder_data, "--out", first, *SMALL, *sizes)
    start = ["--pretrained-file", first / "weights.safetensors"]
    run("--data", folder_data, "--out", second, *SMALL, *sizes, *start)
    before, _ = load_network(first)
    after, _ = load_network(second)
    assert after.made_with["pretrained_file"]["weights_sha256"] == before.weights_sha256
    assert after.made_with["pretrained_file"]["made_with"] == before.made_with


def test_a_network_learns_from_a_teacher_with_the_same_labels(folder_data: Path, tmp_path: Path) -> None:
    teacher, taught = tmp_path / "teacher", tmp_path / "taught"
    sizes = ["--epochs", 1, "--batch-size", 4]
    run("--data", folder_data, "--out", teacher, *SMALL, *sizes)
    lesson = [
        "--teacher",
        teacher,
        "--teacher-weight",
        0.5,
        "--teacher-temperature",
        2,
        "--teacher-features",
        1,
    ]
    run("--data", folder_data, "--out", taught, *SMALL, *sizes, *lesson)
    card, _ = load_network(taught)
    assert card.made_with["teacher"]["weights_sha256"] == load_network(teacher)[0].weights_sha256

    for folder in (folder_data / split / "LOW" for split in ("train", "val", "test")):
        folder.rename(folder.with_name("MIDDLE"))
    with pytest.raises(RecipeError, match="the teacher .* knows the labels HIGH, LOW"):
        run("--data", folder_data, "--out", tmp_path / "other", *SMALL, *sizes, *lesson)


def test_a_batch_too_large_for_the_data_is_made_smaller(folder_data: Path, tmp_path: Path) -> None:
    run("--data", folder_data, "--out", tmp_path / "model", *SMALL, "--epochs", 1, "--batch-size", 64)
    assert load_network(tmp_path / "model")[0].metrics["validation"]["scans"] == 4


def test_a_loss_that_is_no_number_stops_with_a_hint(folder_data: Path, tmp_path: Path) -> None:
    wild = ["--epochs", 2, "--batch-size", 4, "--learning-rate", 1e30, "--optimizer", "sgd"]
    with pytest.raises(TrainingError, match="no number any more .*--learning-rate"):
        run("--data", folder_data, "--out", tmp_path / "model", *SMALL, *wild)
    assert not (tmp_path / "model" / "model.json").exists()


def test_a_model_is_not_overwritten_by_accident(folder_data: Path, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(DataError, match="--overwrite"):
        run("--data", folder_data, "--out", tmp_path, *SMALL)


def test_an_unreadable_scan_is_named(folder_data: Path, tmp_path: Path) -> None:
    broken = next((folder_data / "train" / "LOW").iterdir())
    broken.write_bytes(b"not a picture")
    with pytest.raises(DataError, match=broken.name):
        run("--data", folder_data, "--out", tmp_path / "model", *SMALL)


def test_unreachable_pretrained_weights_say_how_to_go_on(
    folder_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="--no-pretrained"):
        run("--data", folder_data, "--out", tmp_path / "model", "--arch", "convnext_atto")


def test_an_unknown_architecture_is_refused_with_near_ones(folder_data: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="convnext_atto"):
        run("--data", folder_data, "--out", tmp_path / "model", "--arch", "convnext_gigantic")


def test_a_file_without_weights_is_named(folder_data: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"wrong\.safetensors"):
        run("--data", folder_data, "--out", tmp_path / "model", *SMALL, "--pretrained-file", wrong)


def test_a_split_that_leaks_is_refused_unless_allowed(folder_data: Path, tmp_path: Path) -> None:
    known = next((folder_data / "train" / "LOW").iterdir())
    (folder_data / "val" / "LOW" / "again.png").write_bytes(known.read_bytes())
    options = ["--data", folder_data, "--out", tmp_path / "model", *SMALL, "--epochs", 1, "--batch-size", 4]
    with pytest.raises(DataError, match="1 identical picture.*again"):
        run(*options)
    run(*options, "--allow-leaks")
    card, _ = load_network(tmp_path / "model")
    assert any("flatter" in limit for limit in card.limits)
    assert str(tmp_path) not in (tmp_path / "model" / "model.json").read_text()
