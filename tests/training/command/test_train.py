"""`train` from a folder of scans to a model that the model server's own code loads."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from handlers.engines.settings import EAGER, EngineSettings
from handlers.network import load_network
from handlers.predictor import Predictor
from handlers.preprocessing import to_tensor
from handlers.request import Request
from handlers.trial import try_out
from tests.training.command.conftest import SMALL, run
from training import run as training_run
from training.cache import read_pixels
from training.data.reading import read_scans
from training.data.split import split_scans
from training.epochs import Fit, Report
from training.loop import Training
from training.origin import code, data_sha256
from training.recipe import RecipeError


def test_a_trained_model_tells_the_labels_apart(manifest_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    quick = ["--epochs", 6, "--batch-size", 8, "--learning-rate", 0.0005, "--patience", 6, "--flip", 0]
    assert run("--data", manifest_data, "--out", out, "--version", "1.2.3", *SMALL, *quick) == 0

    card, network = load_network(out)
    assert (card.name, card.version, card.labels) == ("retina-oct", "1.2.3", ("HIGH", "LOW"))
    assert card.data["sources"][0]["licence"] == "CC BY 4.0"
    assert card.metrics["validation"]["accuracy"] >= 0.75
    assert str(tmp_path) not in (out / "model.json").read_text()
    assert card.made_with.items() >= code().items()

    scans = read_scans(manifest_data)
    share, seed = (card.made_with["recipe"][key] for key in ("validation_share", "seed"))
    assert card.data["sha256"] == data_sha256(split_scans(scans, share, seed))
    batch = torch.stack([to_tensor(read_pixels(scan), card.input) for scan in scans])
    with torch.inference_mode():
        said = [card.labels[index] for index in network(batch).argmax(1)]
    right = sum(label == scan.label for label, scan in zip(said, scans, strict=True))
    assert right >= 0.75 * len(scans)

    served = Predictor.load(out, settings=EngineSettings(EAGER))
    (answer,) = served.answer([Request(scans[0].path.read_bytes())])
    assert isinstance(answer, dict) and answer["familiarity"] is not None, "it comes with statistics"


def test_statistics_are_left_out_on_request(folder_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    assert run("--data", folder_data, "--out", out, *SMALL, "--epochs", 1, "--statistics", "none") == 0
    card, _ = load_network(out)
    assert card.statistics is None and not (out / "statistics.safetensors").exists()
    assert "--statistics none" in card.made_with["command"]


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_an_epoch_is_and_when_it_will_end(
    folder_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    run("--data", folder_data, "--out", tmp_path / "model", *SMALL, "--epochs", 1, "--batch-size", 2)

    for shown in (r"epoch 1/1: +\d+%.* \d+/4 \[\d\d:\d\d<", r"validating: +\d+%.* \d+/2 \[\d\d:\d\d<"):
        assert re.search(shown, terminal.getvalue()), terminal.getvalue()


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
    said = capsys.readouterr()
    assert "macro F1" in said.out
    assert "epoch 1/2:" not in said.err and "validating" not in said.err, "a bar where there is no terminal"


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
        "--teacher-sees",
        "plain",
    ]
    run("--data", folder_data, "--out", taught, *SMALL, *sizes, *lesson)
    card, _ = load_network(taught)
    assert card.made_with["teacher"]["weights_sha256"] == load_network(teacher)[0].weights_sha256

    for folder in (folder_data / split / "LOW" for split in ("train", "val", "test")):
        folder.rename(folder.with_name("MIDDLE"))
    with pytest.raises(RecipeError, match="the teacher .* knows the labels HIGH, LOW"):
        run("--data", folder_data, "--out", tmp_path / "other", *SMALL, *sizes, *lesson)


def with_outliers(folder: Path) -> Path:
    """The same scans, with four more to train on that have neither of their labels."""
    for number in range(4):
        picture = np.random.default_rng(number).integers(0, 255, (48, 48)).astype(np.uint8)
        path = folder / "train" / "NOISE" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
    return folder


def test_outliers_teach_what_has_none_of_the_labels(
    folder_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = with_outliers(folder_data), tmp_path / "model"
    options = ["--epochs", 8, "--patience", 8, "--batch-size", 4, "--learning-rate", 0.0005]
    assert (
        run("--data", data, "--outliers", "NOISE", "--outlier-share", 0.4, "--out", out, *SMALL, *options)
        == 0
    )
    assert "4 outliers" in capsys.readouterr().out

    card, network = load_network(out)
    assert card.labels == ("HIGH", "LOW")
    assert card.data["outliers"] == {"NOISE": {"scans": 4, "patients": 0}}
    assert "--outliers NOISE" in card.made_with["command"]
    sure = {}
    for label in ("HIGH", "NOISE"):
        pictures = [
            read_pixels(scan) for scan in read_scans(data) if (scan.split, scan.label) == ("train", label)
        ]
        with torch.inference_mode():
            logits = network(torch.stack([to_tensor(pixels, card.input) for pixels in pictures]))
        sure[label] = float(logits.softmax(1).max(1).values.mean())
    assert sure["NOISE"] < sure["HIGH"]


def test_a_vision_transformer_trains_from_one_size_to_the_next(folder_data: Path, tmp_path: Path) -> None:
    transformer = ["--arch", "vit_tiny_patch16_224", "--no-pretrained", "--size", 48, "--layer-decay", 0.75]
    sizes = ["--epochs", 2, "--batch-size", 4, "--first-size", 32, "--first-epochs", 1]
    run("--data", folder_data, "--out", tmp_path / "model", *transformer, *sizes)
    card, network = load_network(tmp_path / "model")
    assert card.input.size == 48
    places = network.get_parameter("pos_embed")
    assert places.shape == (1, 1 + 3 * 3, 192)


def test_a_network_learns_from_the_features_of_a_vision_transformer(
    folder_data: Path, tmp_path: Path
) -> None:
    teacher, taught = tmp_path / "teacher", tmp_path / "taught"
    sizes = ["--epochs", 1, "--batch-size", 4]
    transformer = ["--arch", "vit_tiny_patch16_224", "--no-pretrained", "--size", 48]
    run("--data", folder_data, "--out", teacher, *transformer, *sizes)
    lesson = ["--teacher", teacher, "--teacher-weight", 0.5, "--teacher-features", 1]
    run("--data", folder_data, "--out", taught, *SMALL, *sizes, *lesson)
    card, _ = load_network(taught)
    assert card.made_with["teacher"]["weights_sha256"] == load_network(teacher)[0].weights_sha256


def test_a_teacher_says_nothing_of_outliers(folder_data: Path, tmp_path: Path) -> None:
    data, teacher, out = with_outliers(folder_data), tmp_path / "teacher", tmp_path / "student"
    quick = ["--epochs", 1, "--batch-size", 4]
    outliers = ["--outliers", "NOISE", "--outlier-share", 0.5]
    assert run("--data", data, *outliers, "--out", teacher, *SMALL, *quick) == 0
    taught = ["--teacher", teacher, "--teacher-weight", 0.5]
    assert run("--data", data, *outliers, "--out", out, *SMALL, *quick, *taught) == 0
    assert np.isfinite(load_network(out)[0].metrics["validation"]["negative_log_likelihood"])


def test_a_batch_too_large_for_the_data_is_made_smaller(folder_data: Path, tmp_path: Path) -> None:
    run("--data", folder_data, "--out", tmp_path / "model", *SMALL, "--epochs", 1, "--batch-size", 64)
    assert load_network(tmp_path / "model")[0].metrics["validation"]["scans"] == 4


def test_a_test_scan_that_is_deleted_meanwhile_costs_no_training(
    folder_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was read before the first epoch."""

    class Deleting(Training):
        def run(self, out: Path, plan: dict[str, Any], report: Report | None) -> Fit:
            for scan in (folder_data / "test").rglob("*.png"):
                scan.unlink()
            return super().run(out, plan, report)

    monkeypatch.setattr(training_run, "Training", Deleting)
    run("--data", folder_data, "--out", tmp_path / "model", *SMALL, "--epochs", 1, "--batch-size", 4)
    assert load_network(tmp_path / "model")[0].metrics["test"]["scans"] == 4


def test_a_vision_transformer_is_trained_and_answers(folder_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    small = ["--arch", "vit_tiny_patch16_224", "--no-pretrained", "--epochs", 1, "--batch-size", 4]
    run("--data", folder_data, "--out", out, *small)
    try_out(Predictor.load(out))
