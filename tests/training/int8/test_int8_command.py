"""`int8` from a finished model and scans to ranges beside its weights, if they keep its answers."""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import load_file

from handlers import card_int8
from handlers.card import CARD_NAME, ModelCard
from handlers.card_int8 import INT8_NAME
from handlers.engines import int8 as engine
from handlers.network import refuse_misfit
from tests.models import give_findings, give_int8, give_statistics, make_model
from tests.training.tables import write_table
from training.data.manifest import DataError
from training.data.reading import read_all
from training.evaluation.commands import store_temperature
from training.int8 import making
from training.int8.commands import add_int8_arguments, choose_scans, int8
from training.simulator import simulate
from training.simulator.findings import as_mask

SIDE = 64
SPLITS = ("train", "train", "val", "test")
PER_LABEL = 8
NEEDED = pytest.mark.skipif(
    not engine.has_instructions(), reason="the processor has no instructions for int8"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated scans with masks, of which half count as real and have none."""
    folder = tmp_path_factory.mktemp("data")
    rows: list[dict[str, str]] = []
    for label in ("CNV", "DME", "MH"):
        drawn = simulate(label, PER_LABEL, 2, SIDE, SIDE)
        for number, (image, marks) in enumerate(zip(drawn.images, drawn.findings, strict=True)):
            file, mask = f"{label}{number}.png", f"{label}{number}.mask.png"
            cv2.imwrite(str(folder / file), image)
            cv2.imwrite(str(folder / mask), as_mask(marks))
            real = number >= PER_LABEL // 2
            source = "octdl" if real else "simulator"
            facts = {"label": label, "source": source, "patient_id": f"{source}:{len(rows)}"}
            rows.append({"file": file, "mask": "" if real else mask, **facts, "split": SPLITS[number % 4]})
    write_table(folder / "manifest.csv", rows)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "store", architecture="test_convnext")


def run(model: Path, data: Path, cache: Path, *options: object) -> int:
    parser = argparse.ArgumentParser()
    add_int8_arguments(parser)
    words = ["--model", model, "--data", data, "--cache", cache, "--per-label", 2, *options]
    return int8(parser.parse_args([str(word) for word in words]))


@NEEDED
def test_a_model_gets_ranges_and_its_card_the_figures_of_their_check(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give_statistics(model)
    give_findings(model)
    weights = (model / "weights.safetensors").read_bytes()

    assert run(model, data, tmp_path / "cache") == 0

    facts = ModelCard.load(model / CARD_NAME).int8
    assert facts is not None
    assert facts.sha256 == hashlib.sha256((model / INT8_NAME).read_bytes()).hexdigest()
    assert (facts.blocks, facts.left_out) == (9, ())
    assert len(load_file(model / INT8_NAME)) == 27
    assert facts.checks.scans == 9, "real scans that are not in the test split"
    assert facts.checks.masked_scans == 9
    assert not list(facts.checks.misses())
    assert facts.figures["calibration"]["counts"]["train"]["CNV"]["simulated"] == 2
    assert {"other_states", "other_sets", "familiarity_difference", "positions_of_another_finding"} <= {
        *facts.figures
    }
    assert [source["scans"] for source in facts.figures["checked"]["sources"]] == [9]
    refuse_misfit(model)
    assert (model / "weights.safetensors").read_bytes() == weights
    said = capsys.readouterr().out
    assert "int8 in 9 of 9 blocks, checked on 9 scans" in said and "another prediction set" in said
    # Made again, it is the same.
    assert run(model, data, tmp_path / "cache") == 0
    assert ModelCard.load(model / CARD_NAME).int8 == facts


@NEEDED
def test_blocks_that_change_the_answers_are_left_out(
    model: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A block whose values between its layers come out wrong is found, and left as it is."""
    spoilt = "stages.2.blocks.1.mlp"
    measure = making.measure_ranges

    def spoil(*arguments: object) -> object:
        ranges = measure(*arguments)  # type: ignore[arg-type]
        found = ranges[spoilt]
        ranges[spoilt] = type(found)(found.least, found.greatest, torch.tensor([0.0, 0.01]))
        return ranges

    monkeypatch.setattr(making, "measure_ranges", spoil)
    monkeypatch.setattr(card_int8, "MOST_DIFFERENCE", 0.02)

    assert run(model, data, tmp_path / "cache") == 0

    facts = ModelCard.load(model / CARD_NAME).int8
    assert facts is not None and (facts.blocks, facts.left_out) == (8, (spoilt,))
    assert not [name for name in load_file(model / INT8_NAME) if name.startswith(spoilt)]
    assert f"left out, as it changes the answers: {spoilt}" in capsys.readouterr().out


@NEEDED
def test_ranges_that_change_the_answers_are_not_kept(
    model: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (model / CARD_NAME).read_text()
    monkeypatch.setattr(card_int8, "LEAST_CORRELATION", 1.1)

    assert run(model, data, tmp_path / "cache") == 1

    assert not (model / INT8_NAME).exists()
    assert (model / CARD_NAME).read_text() == before
    said = capsys.readouterr().out
    assert "int8 in 5 of 9 blocks" in said, "half of them were tried without"
    assert "so nothing is written: heat maps with a correlation of" in said


def test_no_scan_of_the_test_split_is_used(model: Path, data: Path, tmp_path: Path) -> None:
    card = ModelCard.load(model / CARD_NAME)
    chosen = choose_scans(card, read_all([data]), 10, 10, 0, tmp_path)
    used = [*chosen.calibration.scans, *chosen.checked.scans, *chosen.masked.scans]
    assert {scan.split for scan in used} == {"train", "val"}
    assert {scan.split for scan in chosen.calibration.scans} == {"train"}
    assert {scan.source for scan in chosen.calibration.scans} == {"octdl", "simulator"}


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ({"mask": ""}, "no scan has a mask of its lesions"),
        ({"split": "val"}, "no scan in the train split with one of the labels"),
    ],
    ids=["without masks", "without a train split"],
)
def test_unsuitable_data_are_refused(
    model: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lost: dict[str, str],
    sentence: str,
) -> None:
    monkeypatch.setattr(engine, "has_instructions", lambda: True)
    with (data / "manifest.csv").open(newline="") as lines:
        rows = [{**row, **lost} for row in csv.DictReader(lines)]
    manifest = data / f"{next(iter(lost))}.csv"
    with manifest.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    with pytest.raises(DataError, match=sentence):
        run(model, manifest, tmp_path / "cache")


def test_other_networks_and_processors_are_refused(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "has_instructions", lambda: False)
    with pytest.raises(DataError, match="this processor has no instructions for int8"):
        run(model, data, tmp_path / "cache")
    monkeypatch.setattr(engine, "has_instructions", lambda: True)
    other = make_model(tmp_path / "other", architecture="convnextv2_atto")
    with pytest.raises(DataError, match="convnextv2_atto can't run in int8"):
        run(other, data, tmp_path / "cache")


@pytest.mark.parametrize(("option", "value"), [("--per-label", 0), ("--masked", 0), ("--seed", -1)])
def test_senseless_options_are_refused(
    model: Path, data: Path, tmp_path: Path, option: str, value: int
) -> None:
    with pytest.raises(DataError, match=f"{option} must be from"):
        run(model, data, tmp_path / "cache", option, value)


def test_another_temperature_makes_ranges_void(model: Path) -> None:
    give_int8(model)
    card = ModelCard.load(model / CARD_NAME)
    assert store_temperature(card, card.temperature, model).int8 == card.int8
    assert (model / INT8_NAME).exists()
    assert store_temperature(card, 2 * card.temperature, model).int8 is None
    assert not (model / INT8_NAME).exists()
    assert "int8" not in json.loads((model / CARD_NAME).read_text())
