"""Drawn areas as pixels."""

from __future__ import annotations

import numpy as np
import pytest

from webapp.annotations.areas import Lines
from webapp.annotations.masks import TooIntricate, mask_of


def test_whole_pixels_are_exact() -> None:
    mask = mask_of([np.array([[2.0, 3.0], [6.0, 3.0], [6.0, 5.0], [2.0, 5.0]])], 10, 8)
    expected = np.zeros((8, 10), bool)
    expected[3:5, 2:6] = True
    assert np.array_equal(mask, expected)


def test_what_lies_outside_of_the_picture_is_left_out() -> None:
    assert mask_of([np.array([[-5.0, -5.0], [50.0, -5.0], [50.0, 50.0], [-5.0, 50.0]])], 10, 8).all()


def test_what_an_outline_goes_round_twice_lies_outside() -> None:
    once = [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]]
    assert not mask_of([np.array(once + once)], 9, 9).any()
    assert mask_of([np.array(once), np.array(once)], 9, 9).all()


def test_a_mask_is_as_large_as_the_area() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        outline = random.random((12, 2)) * 200
        lines = Lines.through([outline])
        mask = mask_of([outline], 200, 200)
        assert mask.sum() == pytest.approx(lines.size(lines.area(outline)), abs=40)


def test_too_much_work_is_refused() -> None:
    zigzag = np.array([[at / 10, 5000.0 * (at % 2)] for at in range(5000)])
    with pytest.raises(TooIntricate):
        mask_of([zigzag], 500, 5000)
