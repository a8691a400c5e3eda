"""Outlines that cross themselves, in pieces: whatever rule fills them, they are what the outline encloses."""

from __future__ import annotations

import numpy as np
import pytest

from tests.webapp.annotations.test_areas import by_formula, zigzag
from webapp.annotations.areas import Lines
from webapp.annotations.geometry import Points
from webapp.annotations.pieces import MOST_STRETCHES, enclosed

SIDE = 300


def by_winding(outline: Points, at: Points) -> int:
    """How many of the places an outline goes round at all, by the non-zero rule."""
    winding = np.zeros(len(at), dtype=int)
    for (x, y), (end_x, end_y) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y != end_y:
            crosses = (y <= at[:, 1]) != (end_y <= at[:, 1])
            right = at[:, 0] < x + (at[:, 1] - y) * (end_x - x) / (end_y - y)
            winding += (crosses & right) * (1 if end_y > y else -1)
    return int((winding != 0).sum())


def turns(count: int) -> Points:
    """A line drawn round so many times, wider each time."""
    angle = np.linspace(0, 2 * np.pi * count, 60 * count)
    away: Points = 40 + 10 * angle / np.pi
    return 150 + np.stack([away * np.cos(angle), away * np.sin(angle)], axis=1)


def star(points: int) -> Points:
    angle = np.arange(points) * 2 * np.pi * (points // 2) / points
    return 150 + 120 * np.stack([np.sin(angle), np.cos(angle)], axis=1)


def outline(*points: tuple[float, float]) -> Points:
    return np.array(points, dtype=np.float64)


SQUARE = ((100, 100), (200, 100), (200, 200), (100, 200))
INNER = ((130, 130), (170, 130), (170, 170), (130, 170))
EXACT = {
    "a square": (outline(*SQUARE), 10_000),
    "an hourglass": (outline((0, 0), (100, 100), (100, 0), (0, 100)), 5_000),
    "a square, twice": (outline(*SQUARE, *SQUARE), 0),
    "a square in a square": (outline(*SQUARE, SQUARE[0], *INNER, INNER[0]), 8_400),
    "a square in a square, the other way": (outline(*SQUARE, SQUARE[0], *INNER[::-1], INNER[-1]), 8_400),
    "a line that goes out and back": (outline((100, 200), *SQUARE, (150, 200), (150, 250), (150, 200)), 10_000),
    "nothing but a line": (outline((0, 0), (50, 50), (100, 100)), 0),
    "less than is told": (outline((0, 0), (0.001, 0), (0.001, 0.001)), 0),
    "two squares that touch": (outline((0, 0), (50, 0), (50, 50), (100, 50), (100, 100), (50, 100), (50, 50), (0, 50)), 5_000),
}  # fmt: skip


@pytest.mark.parametrize("kind", EXACT)
def test_what_encloses_a_place_twice_leaves_it_out(kind: str) -> None:
    drawn, area = EXACT[kind]
    pieces, size = enclosed(drawn)
    assert size == pytest.approx(area, abs=0.2)  # places are told to a hundredth of a pixel
    assert bool(pieces) == bool(area)


CROSSING = {
    "a star of five": star(5),
    "a star of nine": star(9),
    "round twice": turns(2),
    "round five times": turns(5),
    "at random": np.random.default_rng(1).uniform(0, SIDE, (30, 2)),
}


@pytest.mark.parametrize("kind", CROSSING)
def test_every_rule_fills_the_pieces_as_even_odd_fills_the_outline(kind: str) -> None:
    drawn = CROSSING[kind]
    pieces, size = enclosed(drawn)
    lines = Lines.through([drawn])
    across, down = np.meshgrid(np.arange(0.513, SIDE), np.arange(0.517, SIDE))
    places = np.stack([across.ravel(), down.ravel()], axis=1)

    assert size == pytest.approx(lines.size(lines.area(drawn)), rel=0.002)
    assert sum(by_formula(piece, places) for piece in pieces) == pytest.approx(
        by_formula(drawn, places), abs=10
    )
    assert sum(by_winding(piece, places) for piece in pieces) == sum(
        by_formula(piece, places) for piece in pieces
    )


def test_what_does_not_cross_itself_stays_as_it_was_drawn() -> None:
    drawn = turns(1)
    (piece,), _ = enclosed(drawn)
    assert np.array_equal(piece, drawn.round(2))


@pytest.mark.parametrize("points", [400, 5_000])
def test_what_crosses_itself_too_often_stays_whole_and_is_measured_by_the_same_rule(points: int) -> None:
    drawn = zigzag(points)
    (piece,), size = enclosed(drawn)
    lines = Lines.through([drawn])
    assert len(piece) == points and size == pytest.approx(lines.size(lines.area(drawn)), rel=0.001)


def test_the_count_of_corners_is_bounded() -> None:
    pieces, _ = enclosed(zigzag(90))
    assert 90 < sum(map(len, pieces)) < MOST_STRETCHES
