"""`findings` from a finished model and scans with masks to a map of findings beside its weights."""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from pathlib import Path

import cv2
import pytest
from safetensors.numpy import load_file

from handlers.card_findings import FINDINGS_NAME
from tests.models import make_model
from tests.training.tables import write_table
from training.data.manifest import DataError
from training.findings import measuring
from training.findings.commands import add_findings_arguments, findings
from training.findings.kinds import KINDS
from training.simulator import simulate
from training.simulator.findings import as_mask

SIDE = 64
SPLITS = ("train", "train", "val")


def write_data(folder: Path, labels: tuple[str, ...] = ("CSR", "DME", "MH")) -> Path:
    """Simulated scans with masks, and healthy ones of which only the label is known."""
    rows: list[dict[str, str]] = []
    for label in (*labels, "NORMAL"):
        drawn = simulate(label, 6, 2, SIDE, SIDE)
        for number, (image, marks) in enumerate(zip(drawn.images, drawn.findings, strict=True)):
            file, mask = f"{label}{number}.png", f"{label}{number}.mask.png"
            cv2.imwrite(str(folder / file), image)
            cv2.imwrite(str(folder / mask), as_mask(marks))
            real = label == "NORMAL"
            source = "octdl" if real else "simulator"
            facts = {"label": label, "source": source, "patient_id": f"{source}:{len(rows)}"}
            rows.append({"file": file, "mask": "" if real else mask, **facts, "split": SPLITS[number % 3]})
    write_table(folder / "manifest.csv", rows)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def run(model: Path, data: Path, cache: Path, *options: object) -> int:
    parser = argparse.ArgumentParser()
    add_findings_arguments(parser)
    words = ["--model", model, "--data", data, "--cache", cache, "--steps", 2, *options]
    return findings(parser.parse_args([str(word) for word in words]))


def test_a_model_gets_a_decoder_that_its_card_names(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two steps teach nothing, so the kinds need not hold here."""
    monkeypatch.setattr(measuring.Measured, "holds", property(lambda row: row.scans > 0))
    model = make_model(tmp_path / "store")
    weights = (model / "weights.safetensors").read_bytes()

    assert run(model, data, tmp_path / "cache") == 0

    told = json.loads((model / "model.json").read_text())["findings"]
    content = (model / FINDINGS_NAME).read_bytes()
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert set(told["kinds"]) <= set(KINDS) and "hole" in told["kinds"]
    assert set(told["thresholds"]) == set(told["kinds"])
    assert load_file(model / FINDINGS_NAME)["kinds.weight"].shape[0] == 1 + len(told["kinds"])
    assert set(told["excluded"]) == {"NORMAL"} and "hole" in told["excluded"]["NORMAL"]
    assert (model / "weights.safetensors").read_bytes() == weights
    said = capsys.readouterr().out
    assert "doesn't hold: left out" in said and "hole" in said


def test_a_decoder_that_has_learnt_nothing_is_left_out(data: Path, tmp_path: Path) -> None:
    model = make_model(tmp_path / "store")
    card = (model / "model.json").read_text()

    with pytest.raises(DataError, match="no kind of finding holds"):
        run(model, data, tmp_path / "cache")

    assert not (model / FINDINGS_NAME).exists()
    assert (model / "model.json").read_text() == card


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ({"mask": ""}, "no scans with masks in the split train"),
        ({"source": "simulator"}, "no real scans of NORMAL in the split val"),
    ],
    ids=["without masks", "without healthy eyes"],
)
def test_unsuitable_data_are_refused_before_anything_is_learnt(
    data: Path, tmp_path: Path, lost: dict[str, str], sentence: str
) -> None:
    with (data / "manifest.csv").open(newline="") as lines:
        rows = [{**row, **lost} for row in csv.DictReader(lines)]
    manifest = data / f"{next(iter(lost))}.csv"
    with manifest.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    with pytest.raises(DataError, match=sentence):
        run(make_model(tmp_path / "store"), manifest, tmp_path / "cache")


def test_networks_without_stages_are_refused(data: Path, tmp_path: Path) -> None:
    model = make_model(tmp_path / "store", architecture="tf_efficientnet_lite0")

    with pytest.raises(DataError, match="has no stages"):
        run(model, data, tmp_path / "cache")


@pytest.mark.parametrize("options", [("--steps", 0), ("--seed", -1)])
def test_options_out_of_range_are_named(data: Path, tmp_path: Path, options: tuple[str, int]) -> None:
    with pytest.raises(DataError, match=f"{options[0]} must be from"):
        run(make_model(tmp_path / "store"), data, tmp_path / "cache", *options)
