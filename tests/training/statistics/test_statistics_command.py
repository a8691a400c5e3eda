"""`statistics` from a finished model and its scans to a folder that is served."""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from handlers.card import ModelCard
from handlers.card_statistics import STATISTICS_NAME
from handlers.network import load_network
from handlers.statistics import Statistics
from tests.models import make_model
from tests.training.conftest import write_scan
from tests.training.tables import write_table
from training.data.manifest import DataError, Scan
from training.data.reading import read_all
from training.data.split import split_scans
from training.evaluation.commands import add_evaluate_arguments, evaluate
from training.statistics.commands import add_statistics_arguments, statistics, with_splits
from training.statistics.features import embed

LABELS = ("AMD", "CNV", "DME", "DRUSEN", "MH", "NORMAL")
PER_LABEL = {"train": 3, "val": 2, "test": 1}


def write_data(folder: Path) -> Path:
    """Scans of each label in each split, real and simulated by turns, and two of a label that the model lacks."""
    rows = []
    for label in (*LABELS, "ERM"):
        for split, count in PER_LABEL.items():
            for number in range(count):
                file = f"{label}/{split}{number}.png"
                write_scan(folder / file, "HIGH" if number % 2 else "LOW", seed=len(rows))
                mask = f"{label}/{split}{number}.mask.png"
                cv2.imwrite(str(folder / mask), np.full((48, 48), 255, np.uint8))
                source = "simulator" if number == 1 else "octdl"
                facts = {"file": file, "mask": mask, "label": label, "source": source, "split": split}
                rows.append({**facts, "patient_id": f"{source}:{len(rows)}"})
    write_table(folder / "manifest.csv", rows)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "store")


def run(model: Path, data: Path, cache: Path, *options: object) -> int:
    parser = argparse.ArgumentParser()
    add_statistics_arguments(parser)
    words = ["--model", model, "--data", data, "--cache", cache, *options]
    return statistics(parser.parse_args([str(word) for word in words]))


def test_a_model_gets_statistics_that_its_card_names(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = ModelCard.load(model / "model.json")
    assert run(model, data, tmp_path / "cache", "--elsewhere", data, "--method", "mahalanobis") == 0
    said = capsys.readouterr().out
    assert "counts other scans" in said, "the untrained model was trained with none"
    assert "other labels: of 2 scans" in said and "group: macular degeneration" in said
    assert "never ruled out" in said, "two scans of a label promise nothing"

    card = ModelCard.load(model / "model.json")
    assert card.weights_sha256 == before.weights_sha256 and card.statistics is not None
    assert card.groups == {"macular degeneration, stage open": ("AMD", "CNV", "DRUSEN")}
    assert card.statistics.calibrated_on["CNV"].scans == 2
    assert (
        card.statistics.nearest[0]
        == "simulated AMD: many large drusen, an uneven pigment epithelium, or atrophy"
    )
    assert {"octdl", "simulator", "other labels"} == set(card.statistics.figures["strangers"])

    loaded = Statistics.load(model, card)
    assert loaded is not None
    home = [scan for scan in read_all([data], LABELS) if scan.split == "val" and scan.source == "octdl"]
    _, network = load_network(model)
    familiarity = loaded.familiarity(embed(network, card.input, home, tmp_path / "cache").features)
    # Batches of another size round otherwise, by which a scan may change places with its neighbour.
    assert sorted(familiarity) == pytest.approx([number / 6 for number in range(1, 7)], abs=1 / 6 + 1e-6)


def test_nothing_of_the_test_split_is_looked_at(model: Path, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    for file in data.glob("*/test*.png"):
        file.write_bytes(b"no picture")
    assert run(model, data, tmp_path / "cache") == 0


def test_another_temperature_takes_the_statistics_away(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(model, data, tmp_path / "cache")
    parser = argparse.ArgumentParser()
    add_evaluate_arguments(parser)
    words = ["--model", model, "--data", data, "--out", tmp_path / "report", "--cache", tmp_path / "cache"]
    known = ["--labels", *LABELS, "--split", "val", "--fit-temperature", "--bootstrap", "0"]
    evaluate(parser.parse_args([str(word) for word in (*words, *known)]))
    assert "./retinote statistics" in capsys.readouterr().out
    assert ModelCard.load(model / "model.json").statistics is None and not (model / STATISTICS_NAME).exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--coverage", "1"), r"--coverage must be from 0\.5"),
        (("--known-share", "nan"), "--known-share must be from"),
        (("--groups", "none.toml"), "groups can't be read"),
    ],
)
def test_what_cant_be_fitted_is_said_before_anything_is_written(
    model: Path, data: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        run(model, data, tmp_path / "cache", *options)
    assert not (model / STATISTICS_NAME).exists()


def test_data_without_a_home_are_refused(model: Path, data: Path, tmp_path: Path) -> None:
    rows = (data / "manifest.csv").read_text().splitlines()
    manifest = data / "test-only.csv"
    manifest.write_text("\n".join(row for row in rows if ",train," not in row and ",val," not in row) + "\n")
    with pytest.raises(DataError, match="no scan in the train split"):
        run(model, manifest, tmp_path / "cache")


def test_scans_without_a_split_get_the_one_that_the_training_drew_with_its_outliers(
    model: Path, tmp_path: Path
) -> None:
    scans = []
    for number, label in enumerate([*LABELS, "ERM", "RVO"] * 8):
        file = tmp_path / f"{number}.png"
        file.write_bytes(bytes([number]))
        scans.append(Scan(file, label, patient=f"P-{number % 31}"))
    card = replace(
        ModelCard.load(model / "model.json"),
        data={"outliers": {"ERM": {"scans": 6}}},
        made_with={"recipe": {"validation_share": 0.3, "seed": 5}},
    )
    trained = [scan for scan in scans if scan.label != "RVO"]

    assert with_splits(card, scans) == split_scans(trained, 0.3, 5, ["ERM"])


def test_where_none_is_in_val_the_home_is_what_the_training_took_from_train(
    model: Path, tmp_path: Path
) -> None:
    scans = []
    for number, label in enumerate(LABELS * 8):
        file = tmp_path / f"{number}.png"
        file.write_bytes(bytes([number]))
        scans.append(Scan(file, label, split="test" if number % 4 == 3 else "train"))
    stranger = Scan(tmp_path / "0.png", "RVO", split="train")
    card = replace(
        ModelCard.load(model / "model.json"), made_with={"recipe": {"validation_share": 0.3, "seed": 5}}
    )

    assert with_splits(card, [*scans, stranger]) == [*split_scans(scans, 0.3, 5), stranger]


def test_home_scans_become_what_later_scans_are_compared_with(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="has no statistics yet; leave out --reference to fit them"):
        run(model, data, tmp_path / "cache", "--reference")
    assert run(model, data, tmp_path / "cache", "--method", "mahalanobis") == 0
    fitted = ModelCard.load(model / "model.json")
    assert fitted.statistics is not None
    reference = fitted.statistics.reference["octdl"]
    assert reference.patients == len(LABELS), "the real scans of the val split, each of a patient of its own"
    assert set(reference.quantiles) == {
        *("familiarity", "confidence", "black", "median", "white", "sharpness", "layered")
    }
    assert 0 < reference.quantiles["confidence"][0] < reference.quantiles["confidence"][-1] <= 1

    # A card from before gets the same, and keeps all else.
    replace(fitted, statistics=replace(fitted.statistics, reference={})).save(model / "model.json")
    assert run(model, data, tmp_path / "cache", "--reference") == 0
    assert ModelCard.load(model / "model.json") == fitted
    assert f"reference of patients at home, octdl {len(LABELS)}" in capsys.readouterr().out
