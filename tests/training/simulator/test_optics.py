"""Speckle and shadows."""

from __future__ import annotations

import numpy as np
import pytest

from training.simulator.optics import speckle
from training.simulator.scans import simulate_one
from training.simulator.section import Grid, blob, texture, waves

GRID = Grid(height=256, width=256, tall_um=4, wide_um=10)


@pytest.mark.parametrize(("frames", "contrast"), [(1, 1.0), (4, 0.5), (16, 0.25), (64, 0.125)])
def test_speckle_contrast_falls_with_averaging(frames: float, contrast: float) -> None:
    field = speckle(GRID, frames, (0.0, 0.0), np.random.default_rng(0))

    assert field.min() >= 0
    assert field.mean() == pytest.approx(1, abs=0.05)
    assert field.std() == pytest.approx(contrast, rel=0.15)


def test_speckle_of_one_frame_is_exponential() -> None:
    field = speckle(GRID, 1, (0.0, 0.0), np.random.default_rng(0))

    assert np.median(field) == pytest.approx(np.log(2), abs=0.03)


def test_grain_joins_neighbours() -> None:
    field = speckle(GRID, 1, (1.2, 1.2), np.random.default_rng(0))

    assert np.corrcoef(field[:, 1:].ravel(), field[:, :-1].ravel())[0, 1] > 0.5


def test_waves_and_texture_are_smooth_and_of_the_size_asked() -> None:
    curve = waves(GRID.x, np.random.default_rng(1), 300, 2.0)
    field = texture((200, 300), np.random.default_rng(1), 20, 20)

    assert 0.5 < curve.std() < 4
    assert np.abs(np.diff(curve)).max() < 1.0
    assert 0.6 < field.std() < 1.4
    assert np.abs(np.diff(field, axis=0)).max() < 1.0


def test_a_blob_outside_the_picture_is_none() -> None:
    assert blob(GRID, (-5000.0, 100.0), (50.0, 50.0), np.random.default_rng(0)) is None


def test_a_scan_has_black_and_bright() -> None:
    for number in range(4):
        image, _ = simulate_one("NORMAL", 2, number, (124, 128))

        assert np.percentile(image, 99) > 100
        assert np.percentile(image, 5) < 100
