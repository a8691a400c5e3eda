"""`train` from a folder of scans to a model that the model server's own code loads."""

import argparse
import csv
from pathlib import Path

import pytest
import torch

from handlers.network import load_network
from handlers.preprocessing import to_tensor
from training.batches import read_pixels
from training.commands import add_train_arguments, train
from training.data.manifest import DataError, read_scans
from training.networks import WeightsError

SMALL = [
    "--arch",
    "convnext_atto",
    "--no-pretrained",
    "--ls-init-value",
    "1",
    "--size",
    "32",
    "--workers",
    "0",
]


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


def test_every_epoch_and_the_test_split_are_reported(folder_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    sizes = ["--epochs", 2, "--batch-size", 4, "--first-size", 32, "--first-epochs", 1, "--warmup-epochs", 1]
    run("--data", folder_data, "--out", out, *SMALL, *sizes)
    with (out / "epochs.csv").open(newline="") as lines:
        epochs = list(csv.DictReader(lines))
    assert [row["number"] for row in epochs] == ["1", "2"]
    card, _ = load_network(out)
    assert card.metrics["test"]["scans"] == 4
    assert any("Patients are not known" in limit for limit in card.limits)


def test_a_training_that_goes_on_from_another_says_so(folder_data: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    sizes = ["--epochs", 1, "--batch-size", 4]
    run("--data", folder_data, "--out", first, *SMALL, *sizes)
    run(
        "--data",
        folder_data,
        "--out",
        second,
        *SMALL,
        *sizes,
        "--pretrained-file",
        first / "weights.safetensors",
    )
    before, _ = load_network(first)
    after, _ = load_network(second)
    assert after.made_with["started_from"]["weights_sha256"] == before.weights_sha256
    assert after.made_with["started_from"]["made_with"] == before.made_with


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
