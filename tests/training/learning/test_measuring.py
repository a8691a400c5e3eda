"""The figures of heat maps: on the scans that were held back, wherever their manifest lies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handlers.card import CARD_NAME, ModelCard
from tests.models import make_model
from training.data.manifest import DataError, Scan, of_split
from training.learning import measuring, sources


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "store", architecture="test_convnext")


@pytest.fixture
def scans(tmp_path: Path, model: Path) -> list[Scan]:
    """Five simulated scans of each label, one of which is held back; their manifest is gone."""
    folder = tmp_path / "simulated"
    sources.simulate(folder, ModelCard.load(model / CARD_NAME), 5, 4, 1)
    drawn = sources.read_simulated(folder)
    (folder / "manifest.csv").unlink()
    return drawn


def test_heat_maps_are_measured_on_the_given_scans_alone(
    model: Path, scans: list[Scan], tmp_path: Path
) -> None:
    held_back = of_split(scans, "val")
    figures = measuring.of_heat_maps(model, held_back, tmp_path / "maps", 4)

    card = ModelCard.load(model / CARD_NAME)
    ill = [scan for scan in held_back if scan.label != "NORMAL"]
    assert figures["scans"] == card.metrics["explanations"]["scans"] == len(ill) == len(card.labels) - 1
    assert card.metrics["explanations"]["method"] == "grad-cam"
    assert figures["pointing_game"] == card.metrics["explanations"]["pointing_game"]
    numbers = json.loads((tmp_path / "maps" / "explanations.json").read_text())
    assert list(numbers["methods"]) == ["grad-cam"]
    assert (tmp_path / "maps" / "explanations.html").is_file()


def test_healthy_scans_have_nothing_to_point_at(model: Path, scans: list[Scan], tmp_path: Path) -> None:
    healthy = [scan for scan in scans if scan.label == "NORMAL"]
    with pytest.raises(DataError, match="every mask is empty"):
        measuring.of_heat_maps(model, healthy, tmp_path / "maps", 4)
