"""`evaluate` from a model's folder to the report that people read."""

import argparse
import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from handlers.card import ModelCard
from tests.models import give_statistics, make_model
from tests.training.conftest import write_scan
from training.data.manifest import DataError
from training.data.reading import read_all
from training.evaluation.commands import add_evaluate_arguments, evaluate
from training.evaluation.report import file_names
from training.learnt import note
from training.origin import with_hashes_of_files

LABELS = ("CNV", "DME", "NORMAL")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Nine scans of nine patients of two sources, three to validate and six to test, one of a strange label."""
    rows = []
    for number in range(10):
        label = "ERM" if number == 9 else LABELS[number % 3]
        file = f"{label}/{number // 3}.png"  # names that folders alone tell apart
        write_scan(tmp_path / "data" / file, "HIGH" if number % 2 else "LOW", seed=number)
        rows.append(
            {
                "file": file,
                "label": label,
                "patient_id": f"octdl:{number}",
                "source": ("octdl", "simulator")[number % 2],
                "split": "val" if number < 3 else "test",
            }
        )
    with (tmp_path / "data" / "manifest.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "data"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "store")


def run(model: Path, data: Path, out: Path, *options: object) -> int:
    parser = argparse.ArgumentParser()
    add_evaluate_arguments(parser)
    words = [
        "--model",
        model,
        "--data",
        data,
        "--out",
        out,
        "--bootstrap",
        5,
        "--cache",
        out.parent / "cache",
    ]
    return evaluate(parser.parse_args([str(word) for word in (*words, *options)]))


def test_a_report_a_file_of_numbers_and_a_row_per_scan(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert run(model, data, out, "--merge", "CNV", "DME", "--store", "test") == 0
    said = capsys.readouterr().out
    assert "1 of ERM" in said and "real scans alone" in said and "CNV, DME as one" in said

    numbers = json.loads((out / "evaluation.json").read_text())
    assert numbers["figures"]["scans"] == 6
    stored = ModelCard.load(model / "model.json").metrics["test"]
    assert stored["accuracy"] == numbers["figures"]["accuracy"] and stored["merged"] == numbers["merged"]
    assert set(numbers["sources"]) == {"octdl", "simulator"}
    assert set(numbers["sensitivities"]) == {"CNV", "DME", "MH"}

    assert numbers["states"]["answered"]["share"] == 1, "without statistics, all is answered"
    assert numbers["sets"] is None and numbers["strangers"]["ERM"]["answered"] == 1
    assert numbers["risk_coverage"]["confidence"]["exact"]["aurc"] == stored["aurc"]["confidence"]["exact"]

    page = (out / "report.html").read_text()
    assert "Sure and wrong" in page and "data:image/jpeg;base64" in page
    assert not re.search(r"""(src|href)=["']http|url\(http|<script""", page)
    assert str(tmp_path) not in page and str(tmp_path) not in (out / "evaluation.json").read_text()

    with (out / "predictions.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["file"] for row in rows] == [
        f"{LABELS[number % 3]}/{number // 3}.png" for number in range(3, 9)
    ]
    assert "CNV/1.png" in page
    assert sum(
        float(rows[0][label]) for label in ModelCard.load(model / "model.json").labels
    ) == pytest.approx(1, abs=1e-3)


def test_a_model_that_has_learnt_from_these_scans_is_named(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = ModelCard.load(model / "model.json")
    learnt_from = with_hashes_of_files(read_all([data]))
    replace(card, made_with={"scans": note(learnt_from)}).save(model / "model.json")
    too_good = "warning: retina-oct 1.0.0 has learnt from {0} of these {0} scans"

    run(model, data, tmp_path / "test")
    assert too_good.format(6) in capsys.readouterr().out
    run(model, data, tmp_path / "val", "--split", "val")
    assert "warning" not in capsys.readouterr().out, "the temperature follows from them, as everybody knows"

    replace(card, made_with={"scans": {"filter": "?"}}).save(model / "model.json")
    run(model, data, tmp_path / "damaged")
    assert "warning: retina-oct 1.0.0 doesn't say clearly what it has learnt from" in capsys.readouterr().out


def test_a_model_with_statistics_is_held_to_what_it_would_answer(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give_statistics(model, known_from=1.0)
    run(model, data, tmp_path / "report")
    numbers = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert numbers["states"]["not_answered"]["because"] == {"unfamiliar": 6}, (
        "made-up statistics know no scan"
    )
    assert set(numbers["risk_coverage"]) == {"confidence", "familiarity"}
    assert numbers["sets"]["labels"]["CNV"]["scans"] == 2
    assert "ERM, unknown to the model: 0.00 of 1 answered" in capsys.readouterr().out
    assert "not answered" in (tmp_path / "report" / "report.html").read_text()


def test_files_of_several_data_sets_are_named_from_the_folder_that_holds_them(
    data: Path, tmp_path: Path
) -> None:
    write_scan(tmp_path / "other" / "CNV" / "1.png", "HIGH", seed=50)
    (tmp_path / "other" / "list.csv").write_text("file,label\nCNV/1.png,CNV\n")
    scans = read_all([data, tmp_path / "other" / "list.csv"], ["CNV"], least_labels=1)

    names = file_names([data, tmp_path / "other" / "list.csv"], scans)

    assert names == ["data/CNV/0.png", "data/CNV/1.png", "data/CNV/2.png", "other/CNV/1.png"]


def test_what_heat_maps_were_measured_stands_in_the_report(model: Path, data: Path, tmp_path: Path) -> None:
    measured = {"pointing_game": 0.83, "energy": 0.3, "iou": 0.2}
    file = tmp_path / "explanations.json"
    file.write_text(json.dumps({"scans": 9, "methods": {"grad-cam": measured}}))
    run(model, data, tmp_path / "report", "--explanations", file)
    assert "0.830" in (tmp_path / "report" / "report.html").read_text()
    file.write_text("[]")
    with pytest.raises(DataError, match=r"explanations\.json"):
        run(model, data, tmp_path / "other", "--explanations", file)


def test_the_temperature_is_fitted_on_validation_and_stored(model: Path, data: Path, tmp_path: Path) -> None:
    before = ModelCard.load(model / "model.json")
    with pytest.raises(DataError, match="not on test"):
        run(model, data, tmp_path / "report", "--fit-temperature")
    run(model, data, tmp_path / "report", "--fit-temperature", "--split", "val")
    after = ModelCard.load(model / "model.json")
    assert after.temperature != before.temperature
    assert after.weights_sha256 == before.weights_sha256


def test_what_cant_be_evaluated_is_said(model: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--seed is -1; choose a whole number of 0 or more"):
        run(model, data, tmp_path / "out", "--seed", -1)
    with pytest.raises(DataError, match="no train split"):
        run(model, data, tmp_path / "report", "--split", "train")
    with pytest.raises(DataError, match="the model knows the labels"):
        run(model, data, tmp_path / "report", "--labels", "ERM")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").write_text("an older one")
    with pytest.raises(DataError, match="--overwrite"):
        run(model, data, tmp_path / "report")
