"""`explain` on simulated scans, from masks to the page that compares methods."""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from handlers.card import ModelCard
from handlers.network import build_network
from tests.models import make_model
from tests.training.tables import write_table
from training.data.manifest import DataError
from training.explanation.commands import add_explanations_arguments, explanations
from training.explanation.methods import NAMES, make_method
from training.simulator.commands import add_simulate_arguments, simulate

METHODS = ["grad-cam", "layer-cam, both stages", "the centre"]


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    parser = argparse.ArgumentParser()
    add_simulate_arguments(parser)
    words = ["--out", tmp_path / "scans", "--per-class", 2, "--labels", "CNV", "MH", "NORMAL", "--workers", 1]
    small = ["--height", 124, "--width", 128]
    simulate(parser.parse_args([str(word) for word in (*words, *small)]))
    return tmp_path / "scans"


def run(model: Path, data: Path, out: Path, *options: object) -> int:
    parser = argparse.ArgumentParser()
    add_explanations_arguments(parser)
    words = ["--model", model, "--data", data, "--out", out, *options]
    return explanations(parser.parse_args([str(word) for word in words]))


def test_methods_are_measured_shown_and_stored(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = make_model(tmp_path / "store"), tmp_path / "out"
    assert run(model, scans, out, "--methods", *METHODS, "--curves-on", 1, "--store") == 0
    assert "on 4 scans with masks" in capsys.readouterr().out  # healthy ones have none

    measured = json.loads((out / "explanations.json").read_text())
    assert list(measured["methods"]) == METHODS
    for row in measured["methods"].values():
        low, high = row["intervals"]["energy"]
        assert 0 <= low <= row["energy"] <= high <= 1
        assert 0 <= row["insertion"] <= 1
    assert set(measured["methods"]["grad-cam"]["pointing_game_by_label"]) == {"CNV", "MH"}
    page = (out / "explanations.html").read_text()
    assert "layer-cam, both stages" in page and str(tmp_path) not in page
    assert ModelCard.load(model / "model.json").metrics["explanations"]["method"] == "grad-cam"


def test_a_region_takes_the_place_of_masks(tmp_path: Path) -> None:
    rows = []
    for number, label in enumerate(("CNV", "MH", "MH")):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 64), 90, np.uint8))
        rows.append({"file": f"{number}.png", "label": label})
    write_table(tmp_path / "manifest.csv", rows)
    model, out = make_model(tmp_path / "store"), tmp_path / "out"

    options = ["--methods", "the centre", "--curves-on", 0]
    assert run(model, tmp_path, out, *options, "--region", "lungs") == 0
    measured = json.loads((out / "explanations.json").read_text())
    assert measured["scans"] == 3
    by_label = measured["methods"]["the centre"]["energy_by_label"]
    assert by_label["CNV"] == by_label["MH"] == pytest.approx(0.53, abs=0.05), "ellipses"
    with pytest.raises(DataError, match="no scan has a mask"):
        run(model, tmp_path, out, *options)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("architecture", ["convnext_atto", "resnet18"])
def test_every_method_makes_a_map_for_every_image(name: str, architecture: str) -> None:
    torch.manual_seed(0)
    network = build_network(architecture, 3).eval()
    images = torch.randn(2, 3, 64, 64)
    maps = make_method(name, network)(images, [0, 2])
    assert maps.shape == (2, 64, 64)
    assert np.isfinite(maps).all() and maps.min() >= 0


def test_what_cant_be_measured_is_said(scans: Path, tmp_path: Path) -> None:
    model = make_model(tmp_path / "store")
    with pytest.raises(DataError, match="no method 'guess'"):
        run(model, scans, tmp_path / "out", "--methods", "guess")
    with pytest.raises(DataError, match="--seed is -1; choose a whole number of 0 or more"):
        run(model, scans, tmp_path / "out", "--seed", -1)
    manifest = scans / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",masks/", ",").replace("mask,", "kept_mask,"))
    with pytest.raises(DataError, match="no scan has a mask"):
        run(model, scans, tmp_path / "out")
