"""Simulated scans teach and test the models that read OCT B-scans, and no others of the same labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from handlers.card import CARD_NAME, ModelCard
from tests.models import make_model
from training.simulator.teaching import labels_to_draw


@pytest.mark.parametrize(
    ("name", "modality", "labels"),
    [
        ("retina-oct", "", ("NORMAL", "AMD")),
        ("retina-oct", "oct", ("NORMAL", "AMD")),
        ("a-model-of-no-modality", "", ("NORMAL", "AMD")),
        ("chest-xray", "", ()),
        ("fundus", "fundus", ()),
    ],
)
def test_only_models_of_oct_have_labels_to_draw(
    tmp_path: Path, name: str, modality: str, labels: tuple[str, ...]
) -> None:
    card = ModelCard.load(make_model(tmp_path, architecture="test_convnext") / CARD_NAME)
    named = dataclasses.replace(card, name=name, modality=modality, labels=("NORMAL", "GLAUCOMA", "AMD"))
    assert labels_to_draw(named) == labels
