"""Text in a picture's pixels is seen; tissue and noise are not taken for it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from imaging.burnt_in import MOST_SIDE, may_hold_text
from imaging.pixels import Rgb, grey_to_rgb
from tests.images import bscan
from training.simulator.scans import simulate_one

NAME = "MUSTERMANN, ERIKA 17.03.1962"
FONTS = [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX]


def scan(seed: int) -> Rgb:
    """A simulated B-scan, whose noise and layers are like those of a device."""
    return grey_to_rgb(simulate_one("NORMAL", seed, 0, (496, 512))[0])


def written(pixels: Rgb, text: str, at: tuple[int, int], colour: tuple[int, int, int], font: int = 0, size: float = 0.5) -> Rgb:  # fmt: skip
    made = np.array(pixels)
    cv2.putText(made, text, at, font, size, colour, 1, cv2.LINE_AA)
    return made


@pytest.mark.parametrize("seed", range(6))
def test_a_scan_without_text_is_not_suspected(seed: int) -> None:
    assert not may_hold_text(scan(seed))
    assert not may_hold_text(grey_to_rgb(bscan(640, 480, seed)))


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("size", [0.5, 0.7, 1.2])
def test_a_name_at_the_border_is_seen(font: int, size: float) -> None:
    assert may_hold_text(written(scan(1), NAME[:14], (6, 484), (255, 255, 255), font, size))


@pytest.mark.parametrize("colour", [(255, 255, 0), (0, 255, 0), (200, 200, 200)])
def test_text_in_other_tones_is_seen(colour: tuple[int, int, int]) -> None:
    assert may_hold_text(written(scan(2), NAME[:14], (6, 484), colour))


def test_black_text_in_a_white_box_is_seen() -> None:
    made = np.array(scan(3))
    made[:40] = 255
    assert may_hold_text(written(made, NAME[:14], (6, 28), (0, 0, 0)))


def test_in_a_large_picture_letters_are_large() -> None:
    made = np.zeros((2 * MOST_SIDE, 2 * MOST_SIDE, 3), np.uint8)
    assert may_hold_text(written(made, NAME, (60, 200), (255, 255, 255), size=3))
    assert not may_hold_text(made)


@pytest.mark.parametrize("text", ["OD", "12"])
def test_a_mark_of_two_letters_says_nothing_of_anybody(text: str) -> None:
    assert not may_hold_text(written(scan(4), text, (6, 484), (255, 255, 255)))


@pytest.mark.parametrize("shape", [(32, 32), (40, 1000), (1000, 40)])
def test_noise_of_any_shape_is_decided_on(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    assert not may_hold_text(grey_to_rgb(noise))
    assert not may_hold_text(grey_to_rgb(np.zeros(shape, np.uint8)))
