"""What keeps a network from forgetting is of its own kind: simulated scans, and the data that it was trained with."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from handlers.card import CARD_NAME, ModelCard
from tests.models import make_model
from tests.training.tables import write_table
from training.data.manifest import DataError, Scan
from training.data.reading import read_all
from training.learning import sources
from training.learnt import FIELD, note
from training.origin import with_hashes_of_files


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    """A version of a model of chest X-rays."""
    folder = make_model(tmp_path, name="chest-xray", architecture="test_convnext")
    return dataclasses.replace(ModelCard.load(folder / CARD_NAME), labels=("NORMAL", "PNEUMONIA"))


def write_data(folder: Path, seed: int) -> Path:
    """Data with a split: four different pictures of each label."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(8):
        name, label = f"images/{number}.png", ("NORMAL", "PNEUMONIA")[number % 2]
        picture = np.random.default_rng([seed, number]).integers(0, 256, (32, 32), np.uint8)
        cv2.imwrite(str(folder / name), picture)
        rows.append(
            {
                "file": name,
                "label": label,
                "split": "val" if number > 5 else "train",
                "patient_id": f"{seed}-{number}",
            }
        )
    write_table(folder / "manifest.csv", rows)
    return folder


def having_learnt(card: ModelCard, scans: list[Scan], **made_with: Any) -> ModelCard:
    """The card of a version that was trained with these scans, as it notes."""
    return dataclasses.replace(card, made_with={FIELD: note(with_hashes_of_files(scans)), **made_with})


def test_the_data_that_a_version_was_trained_with_is_replayed(card: ModelCard, tmp_path: Path) -> None:
    data = write_data(tmp_path / "own", 1)
    trained = having_learnt(card, read_all([data]))

    assert len(sources.read_replayed([data], trained)) == 8
    assert len(sources.read_replayed([data], card)) == 8  # whose card says nothing of its scans


def test_other_pictures_with_labels_of_the_same_names_are_not_replayed(
    card: ModelCard, tmp_path: Path
) -> None:
    trained = having_learnt(card, read_all([write_data(tmp_path / "own", 1)]))
    other = write_data(tmp_path / "other", 2)

    with pytest.raises(DataError, match=r"chest-xray 1.0.0 was not trained with 8 of the 8 scans of .*other"):
        sources.read_replayed([other], trained)


def test_a_version_that_was_fine_tuned_without_the_first_data_can_still_replay_them(
    card: ModelCard, tmp_path: Path
) -> None:
    first, new = write_data(tmp_path / "first", 1), write_data(tmp_path / "new", 2)
    tuned = having_learnt(card, read_all([new]), learning={"replayed": False})

    assert len(sources.read_replayed([first], tuned)) == 8


def test_no_b_scans_are_simulated_for_a_model_of_other_pictures(card: ModelCard, tmp_path: Path) -> None:
    sources.simulate(tmp_path / "drawn", dataclasses.replace(card, labels=("AMD", "DR", "NORMAL")), 2, 0, 1)

    assert sources.read_simulated(tmp_path / "drawn") == []
