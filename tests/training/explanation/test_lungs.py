"""The rough mask of the lungs, by which heat maps of chest X-rays are measured."""

from __future__ import annotations

import numpy as np
import pytest

from training.explanation.lungs import lung_mask
from training.simulator.chest import draw_chest


@pytest.mark.parametrize("label", ["NORMAL", "PNEUMONIA"])
def test_the_lungs_of_drawn_chests_are_found(label: str) -> None:
    overlaps = []
    for number in range(6):
        chest = draw_chest(label, seed=7, number=number, size=(160, 160))
        found = lung_mask(chest.image)
        overlaps.append((found & chest.lungs).sum() / (found | chest.lungs).sum())

    assert np.mean(overlaps) > 0.65
    assert min(overlaps) > 0.4


def test_ellipses_take_the_place_of_lungs_that_are_not_found() -> None:
    found = lung_mask(np.full((200, 100), 90, np.uint8))

    assert found.shape == (200, 100)
    assert (found == found[:, ::-1]).mean() > 0.95
    assert found[94, 27]
    assert not found[94, 50]
    assert 0.2 < found.mean() < 0.4
