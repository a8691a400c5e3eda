"""`last-layer` from pictures, and a network or a model, to a model that is served."""

import argparse
import json
from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import save_file

from handlers.card import ModelCard
from handlers.network import build_network, load_network
from tests.models import give_statistics
from tests.training.tables import read_table, write_table
from training.data.manifest import DataError
from training.last_layer.commands import add_last_layer_arguments, last_layer
from training.simulator.chest import CHEST_LABELS, draw_chest

ARCHITECTURE = "convnext_atto"
SIDE = 128
COUNTS = {"train": 12, "val": 6, "test": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of drawn chests, divided by person."""
    folder, rows = tmp_path_factory.mktemp("chests"), []
    for split, count in COUNTS.items():
        for number in range(count):
            label = CHEST_LABELS[number % 2]
            file = f"{split}{number}.png"
            cv2.imwrite(
                str(folder / file), draw_chest(label, seed=3, number=len(rows), size=(SIDE, SIDE)).image
            )
            facts = {"file": file, "label": label, "source": "simulator", "split": split}
            rows.append({**facts, "patient_id": f"{split}-{number}"})
    write_table(folder / "manifest.csv", rows)
    return folder


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network as another training might have left them."""
    file = tmp_path_factory.mktemp("pretrained") / "weights.safetensors"
    torch.manual_seed(1)
    network = build_network(ARCHITECTURE, 5, ls_init_value=1.0)
    save_file({name: values.contiguous() for name, values in network.state_dict().items()}, file)
    return file


def run(data: Path, out: Path, *options: object) -> ModelCard:
    parser = argparse.ArgumentParser()
    add_last_layer_arguments(parser)
    words = ["--data", data, "--out", out, "--cache", out.parent / "cache", *options]
    assert last_layer(parser.parse_args([str(word) for word in words])) == 0
    return ModelCard.load(out / "model.json")


def from_network(data: Path, out: Path, pretrained: Path, *options: object) -> ModelCard:
    start = ["--arch", ARCHITECTURE, "--pretrained-file", pretrained, "--size", SIDE, "--resize", "crop"]
    return run(data, out, *start, "--name", "chest-xray", *options)


def test_a_pretrained_network_becomes_a_model_without_training(
    data: Path, pretrained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = from_network(data, tmp_path / "model", pretrained)

    assert "chest-xray 0.0.1" in capsys.readouterr().out
    assert card.labels == CHEST_LABELS and card.modality == "chest-xray"
    assert card.input.size == SIDE and card.input.resize == "crop"
    assert card.data["counts"]["train"]["NORMAL"]["simulated"] == 6
    assert card.metrics["validation"]["scans"] == 6 and "test" not in card.metrics
    assert str(tmp_path) not in str(card.made_with) and "weights_sha256" in card.made_with["pretrained_file"]
    _, network = load_network(tmp_path / "model")
    trunk = {name: values for name, values in network.state_dict().items() if "head.fc" not in name}
    before = build_network(ARCHITECTURE, 5, ls_init_value=1.0).state_dict()
    assert len(trunk) == len(before) - 2


def test_folds_measure_such_layers_on_patients_who_were_left_out(
    data: Path, pretrained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from_network(data, tmp_path / "model", pretrained, "--folds", 3)

    figures = json.loads((tmp_path / "model" / "folds.json").read_text())
    assert (figures["folds"], figures["scans"]) == (3, COUNTS["train"] + COUNTS["val"])
    assert list(figures["sources"]) == ["simulator"]
    assert "by chance" in capsys.readouterr().out
    from_network(data, tmp_path / "model", pretrained, "--overwrite")
    assert not (tmp_path / "model" / "folds.json").exists(), "they were those of the model before"
    with pytest.raises(DataError, match="--folds takes 3 or more, not 2"):
        from_network(data, tmp_path / "other", pretrained, "--folds", 2)
    with pytest.raises(DataError, match="--folds is for --arch"):
        run(data, tmp_path / "other", "--model", tmp_path / "model", "--folds", 3)


def test_a_region_gives_another_layer(data: Path, pretrained: Path, tmp_path: Path) -> None:
    from_network(data, tmp_path / "whole", pretrained)
    run(data, tmp_path / "lungs", "--model", tmp_path / "whole", "--region", "lungs")

    whole, lungs = (load_network(tmp_path / name)[1].state_dict() for name in ("whole", "lungs"))
    changed = [name for name in whole if not torch.equal(whole[name], lungs[name])]
    assert changed == ["head.fc.weight", "head.fc.bias"]


def test_of_a_model_nothing_else_changes(data: Path, pretrained: Path, tmp_path: Path) -> None:
    from_network(data, tmp_path / "before", pretrained)
    give_statistics(tmp_path / "before")
    before, network = load_network(tmp_path / "before")
    card = run(
        data,
        tmp_path / "after",
        "--model",
        tmp_path / "before",
        "--penalty",
        100,
        "--size",
        96,
        "--version",
        "0.0.2",
    )

    assert card.version == "0.0.2" and card.input.size == 96 and card.input.resize == "crop"
    assert card.data == before.data and card.limits == before.limits
    assert card.statistics is None, "the least probabilities were those of the layer before"
    assert "--penalty 100" in card.made_with["last_layer"]["command"]
    assert card.made_with["scans"] == before.made_with["scans"]
    _, after = load_network(tmp_path / "after")
    changed = [
        name
        for name, values in after.state_dict().items()
        if not torch.equal(values, network.state_dict()[name])
    ]
    assert changed == ["head.fc.weight", "head.fc.bias"]


def test_without_a_val_split_the_same_scans_are_held_back_as_before(
    data: Path, pretrained: Path, tmp_path: Path
) -> None:
    rows = [row for row in read_table(data / "manifest.csv") if row["split"] != "val"]
    manifest = data / "train-and-test.csv"
    write_table(manifest, rows)
    before = from_network(manifest, tmp_path / "before", pretrained)

    after = run(manifest, tmp_path / "after", "--model", tmp_path / "before")

    assert after.metrics["validation"] == before.metrics["validation"]


def test_the_test_split_is_not_looked_at(data: Path, pretrained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "chests"
    copy.mkdir()
    for file in data.iterdir():
        (copy / file.name).write_bytes(b"no picture" if file.name.startswith("test") else file.read_bytes())
    from_network(copy, tmp_path / "model", pretrained)


def test_what_cant_be_made_is_said(data: Path, pretrained: Path, tmp_path: Path) -> None:
    from_network(data, tmp_path / "model", pretrained)
    with pytest.raises(DataError, match="holds a model already"):
        from_network(data, tmp_path / "model", pretrained)
    with pytest.raises(DataError, match="--penalty must be above 0"):
        run(data, tmp_path / "other", "--model", tmp_path / "model", "--penalty", 0)
    with pytest.raises(DataError, match="is for --arch"):
        run(data, tmp_path / "other", "--model", tmp_path / "model", "--pretrained-file", pretrained)

    others = tmp_path / "others"
    others.mkdir()
    for file in data.iterdir():
        (others / file.name).write_bytes(file.read_bytes())
    strange = draw_chest("NORMAL", seed=9, size=(SIDE, SIDE)).image
    cv2.imwrite(str(others / "train0.png"), strange)
    with pytest.raises(DataError, match="was not trained with 1 of these 18 scans"):
        run(others, tmp_path / "other", "--model", tmp_path / "model")
    assert not (tmp_path / "other").exists()
