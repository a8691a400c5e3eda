"""The measures of heat maps, on maps and masks of which the right values are obvious."""

import numpy as np
import pytest
import torch

from training.explanation.measures import deletion_and_insertion, energy, overlap, pointing_game

SIDE = 32


def spot(row: int, column: int, size: int = 4) -> np.ndarray:
    field = np.zeros((SIDE, SIDE), np.float32)
    field[row : row + size, column : column + size] = 1
    return field


MASK = spot(8, 8, size=8)[None] > 0


def test_a_map_that_marks_the_lesion_points_at_it() -> None:
    assert pointing_game(spot(10, 10)[None], MASK) == [1]
    assert pointing_game(spot(25, 25)[None], MASK) == [0]


def test_a_hit_beside_the_lesion_counts_only_with_tolerance() -> None:
    beside = spot(17, 10, size=1)[None]
    assert pointing_game(beside, MASK) == [1]
    assert pointing_game(beside, MASK, tolerance=0.0) == [0]


def test_a_map_that_is_the_same_everywhere_points_at_nothing() -> None:
    assert pointing_game(np.ones((1, SIDE, SIDE), np.float32), np.ones((1, SIDE, SIDE), bool)) == [0]


def test_energy_is_the_share_inside() -> None:
    half_inside = spot(14, 8)[None]
    assert energy(half_inside, MASK) == pytest.approx([0.5])
    assert energy(np.zeros((1, SIDE, SIDE), np.float32), MASK) == [0]


def test_overlap_of_marked_and_masked() -> None:
    assert overlap(spot(8, 8, size=8)[None], MASK) == [1]
    assert overlap(spot(8, 8, size=4)[None], MASK) == pytest.approx([16 / 64])
    assert overlap(np.zeros((1, SIDE, SIDE), np.float32), MASK) == [0]


def test_a_map_of_what_the_model_uses_deletes_fast_and_inserts_fast() -> None:
    images = torch.zeros(1, 3, SIDE, SIDE)
    images[:, :, 8:16, 8:16] = 1

    def probability(batch: torch.Tensor) -> torch.Tensor:
        return batch[:, :, 8:16, 8:16].mean((1, 2, 3)).clamp(0, 1)

    good = deletion_and_insertion(probability, images, MASK.astype(np.float32))
    bad = deletion_and_insertion(probability, images, 1 - MASK.astype(np.float32))
    assert good[0] < bad[0] - 0.5
    assert good[1] > bad[1] + 0.2
