"""`compare` from folders of scans to the table, with trainings that fail, are done, or were interrupted."""

import argparse
import csv
import dataclasses
import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from handlers.card import ModelCard
from tests.models import make_model
from training.comparison.candidates import train_all
from training.comparison.commands import add_compare_arguments, compare, named
from training.comparison.measuring import giga_macs, parameters
from training.data.manifest import DataError, of_split
from training.data.reading import read_scans
from training.learnt import note
from training.origin import with_hashes_of_files

QUICK = ["--no-pretrained", "--size", "32", "--epochs", "1", "--batch-size", "4"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def run(data: Path, out: Path, *options: object) -> int:
    parser = argparse.ArgumentParser()
    add_compare_arguments(parser)
    words = ["--data", data, "--out", out, "--rounds", 1, "--bootstrap", 5, *options]
    return compare(parser.parse_args([str(word) for word in words]))


def test_architectures_are_trained_measured_and_shown(
    folder_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    names = ["--architectures", "convnext_atto", "mobilenetv2_035", "convnext_gigantic"]
    assert run(folder_data, out, *names, "--", *QUICK) == 1  # one is missing
    said = capfd.readouterr()
    assert "convnext_gigantic is missing: its training ended with status 2" in said.out
    assert "timm knows no 'convnext_gigantic'" in said.err

    content = json.loads((out / "comparison.json").read_text())
    by_name = {row["name"]: row for row in content["models"]}
    assert set(by_name) == {"convnext_atto", "mobilenetv2_035"}
    assert by_name["convnext_atto"]["parameters"] > by_name["mobilenetv2_035"]["parameters"]
    assert all(row["cpu_milliseconds"]["median"] > 0 for row in by_name.values())
    with (out / "comparison.csv").open(newline="") as lines:
        assert len(list(csv.DictReader(lines))) == 2
    page = (out / "comparison.html").read_text()
    assert "mobilenetv2_035" in page and "gigantic is missing" in page and str(tmp_path) not in page

    # What is trained is not trained again, and trained models can be named.
    weights = out / "convnext_atto" / "weights.safetensors"
    written = weights.stat().st_mtime_ns
    assert run(folder_data, tmp_path / "again", "--models", out / "convnext_atto") == 0
    assert run(folder_data, out, "--architectures", "convnext_atto", "--", *QUICK) == 0
    assert weights.stat().st_mtime_ns == written


def test_a_training_that_ended_before_its_statistics_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out" / "convnext_atto"
    folder.mkdir(parents=True)
    for name in ("model.json", "checkpoint.pt"):
        (folder / name).write_bytes(b"of an hour's work")
    ran = Mock(return_value=Mock(returncode=0))
    monkeypatch.setattr("subprocess.run", ran)

    train_all(["convnext_atto"], [tmp_path / "scans"], tmp_path / "out", [])

    assert "--resume" in ran.call_args.args[0]


def test_models_of_different_labels_and_of_the_same_name(folder_data: Path, tmp_path: Path) -> None:
    first, second = make_model(tmp_path / "store"), make_model(tmp_path / "other", name="retina-two")
    assert list(named([first, second])) == ["retina-oct/1.0.0", "retina-two/1.0.0"]
    assert list(named([first])) == ["1.0.0"]
    card = ModelCard.load(second / "model.json")
    labels = (*card.labels[:-1], "STRANGE")
    dataclasses.replace(card, labels=labels).save(second / "model.json")
    with pytest.raises(DataError, match="STRANGE.*same labels"):
        run(folder_data, tmp_path / "out", "--models", first, second)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], r"neither a test nor a val split.*`\./retinote data split`"),
        (["--split", "test"], "the data have no test split"),
        (["--masked", "-1"], "--masked can't be negative, and is -1"),
        (["--bootstrap", "-2"], "--bootstrap can't be negative, and is -2"),
    ],
)
def test_data_and_numbers_that_cannot_be_are_refused_before_the_training(
    manifest_data: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        run(manifest_data, tmp_path / "out", "--architectures", "convnext_atto", *options, "--", *QUICK)
    assert not (tmp_path / "out").exists()


def test_a_split_that_there_cant_be_is_refused(manifest_data: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        run(manifest_data, tmp_path / "out", "--split", "tset", "--models", tmp_path / "model")


def test_models_that_have_learnt_from_what_they_are_measured_on_are_named(
    folder_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in folder_data.rglob("HIGH"):
        folder.rename(folder.with_name("CNV"))
    for folder in folder_data.rglob("LOW"):
        folder.rename(folder.with_name("DME"))
    seen, fresh = make_model(tmp_path / "store"), make_model(tmp_path / "store", name="retina-two")
    learnt_from = with_hashes_of_files(of_split(read_scans(folder_data), "test"))[:3]
    card = ModelCard.load(seen / "model.json")
    dataclasses.replace(card, made_with={"scans": note(learnt_from)}).save(seen / "model.json")

    assert run(folder_data, tmp_path / "out", "--models", seen, fresh) == 0

    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert warnings == [
        "warning: retina-oct 1.0.0 has learnt from 3 of these 4 scans; what is measured on them is too good"
    ]


def test_size_and_operations_of_a_known_network() -> None:
    import torch

    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1, bias=False))
    assert parameters(network) == 108
    assert giga_macs(network, 10) == pytest.approx(108 * 100 / 1e9)
