"""A data set is opened by `train`, `evaluate` and `explain` as it is, and its test set by no training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import cli
from handlers.card import ModelCard
from tests.images import encoded
from tests.models import make_model
from tests.webapp.learning.conftest import SIDE, Read, command, newest
from training.data.frozen import known_test_sets, load
from training.data.manifest import Scan
from webapp.annotations.models import Annotation
from webapp.learning.exporting import folder_of

SMALL = (
    "--arch",
    "convnext_atto",
    "--no-pretrained",
    "--ls-init-value",
    "1",
    "--size",
    "32",
    "--epochs",
    "1",
)


def banded(label: str, seed: int) -> bytes:
    """A picture like no other, bright in its upper half for CNV and in its lower one for DME."""
    coarse = np.random.default_rng(seed).integers(0, 150, (8, 8))
    coarse[slice(0, 4) if label == "CNV" else slice(4, 8)] += 60
    return encoded(np.kron(coarse, np.ones((SIDE // 8, SIDE // 8))).astype(np.uint8))


@pytest.fixture
def data_set(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("RETINOTE_DATA_DIR", str(tmp_path))
    for seed in range(24):
        label = ("CNV", "DME")[seed % 2]
        scan = read(seed, label, label, content=banded(label, seed))
        Annotation.objects.create(
            scan=scan,
            author=scan.user,
            label=label,
            selector={"type": "FragmentSelector", "value": "xywh=pixel:20,20,40,40"},
        )
    command()
    return folder_of(newest())


def test_a_network_learns_from_it_and_is_measured_on_it(data_set: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    words = ["--data", str(data_set)]
    assert cli.main(["train", *words, "--out", str(model), *SMALL, "--statistics", "none"]) == 0
    card = ModelCard.load(model / "model.json")
    assert card.made_with["learning"] == {"data_set": newest().sha256, "data_set_number": 1}
    assert set(card.labels) == {"CNV", "DME"}
    measured = [*words, "--model", str(model)]
    assert cli.main(["evaluate", *measured, "--out", str(tmp_path / "report"), "--bootstrap", "20"]) == 0
    explained = ["--out", str(tmp_path / "maps"), "--count", "2", "--curves-on", "0", "--methods", "grad-cam"]
    assert cli.main(["explain", *measured, *explained]) == 0
    opened = load(data_set)
    masks = [scan.mask for scan in opened.scans if scan.mask]
    assert len(masks) == 24 and all((cv2.imread(str(mask), 0) > 0).sum() == 1600 for mask in masks)


def test_a_training_on_its_test_set_is_refused(
    data_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its pictures as folders, as anybody may sort them: by label, and half of them to train on."""
    for number, scan in enumerate(load(data_set).scans):
        copy = tmp_path / "sorted" / ("val", "train")[number % 2] / scan.label / scan.path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(scan.path.read_bytes())
    model = make_model(tmp_path / "store")
    for words in (
        ["train", "--out", str(tmp_path / "model"), *SMALL],
        ["statistics", "--model", str(model)],
        ["findings", "--model", str(model)],
    ):
        assert cli.main([*words, "--data", str(tmp_path / "sorted")]) == 2
        assert "of the installation's test set" in capsys.readouterr().err
    assert not (tmp_path / "model" / "model.json").exists()


def test_the_file_names_what_the_data_set_holds_out(data_set: Path) -> None:
    held_out: list[Scan] = [scan for scan in load(data_set).scans if scan.split == "test"]
    for found in known_test_sets([data_set]):
        assert {picture.pixels_sha256 for picture in found.scans} == {scan.pixels_sha256 for scan in held_out}
