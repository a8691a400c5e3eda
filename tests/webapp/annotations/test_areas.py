"""How large areas are and how far they overlap, compared with what a formula gives."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.webapp.annotations.test_geometry import box, svg
from webapp.annotations.areas import FINEST, MAX_CROSSINGS, Area, Lines
from webapp.annotations.geometry import Points, outline_of


def outlines(*selectors: dict[str, str]) -> list[Points]:
    """The edges of the selectors that cover something."""
    return [outline for outline in map(outline_of, selectors) if outline is not None]


def size(*selectors: dict[str, str]) -> float:
    """What they cover together, in square pixels."""
    lines = Lines.through(outlines(*selectors))
    return lines.size(lines.union(outlines(*selectors)))


@pytest.mark.parametrize(
    ("selector", "area"),
    [
        (box(10, 20, 30, 40), 1200),
        (box(0.5, 20.25, 0.125, 40.5), 0.125 * 40.5),
        (svg('<rect x="1" y="2" width="10" height="5"/>'), 50),
        (svg('<polygon points="0,0 10,0 10,10"/>'), 50),
        (svg('<path d="M 0 0 L 10 0 L 10 10 Z"/>'), 50),
        # The ends of a quadratic curve and its control point: two thirds of the triangle lie below it.
        (svg('<path d="M 0 0 Q 50 100 100 0 Z"/>'), 100 * 100 / 3),
        (svg('<path d="M 0 0 C 0 100 100 100 100 0 Z"/>'), 6000),
        # Crosses itself: the two triangles count, not their difference.
        (svg('<polygon points="0,0 10,10 10,0 0,10"/>'), 50),
        # Goes round twice: outside again.
        (svg('<polygon points="0,0 10,0 10,10 0,10 0,0 10,0 10,10 0,10"/>'), 0),
        (svg('<ellipse cx="100" cy="100" rx="40" ry="20"/>'), math.pi * 800),
        (svg('<circle cx="100" cy="100" r="30"/>'), math.pi * 900),
    ],
)
def test_areas_are_those_of_the_shape(selector: dict[str, str], area: float) -> None:
    assert size(selector) == pytest.approx(area, rel=0.01)


def test_what_is_made_of_whole_pixels_is_exact() -> None:
    assert size(box(3, 4, 5, 6)) == 30
    assert size(box(0, 0, 4000, 3000)) == 12_000_000
    assert size(box(0, 0, 10, 10), box(5, 0, 10, 10)) == 150
    assert size(box(0, 0, 10, 10), box(10, 0, 10, 10), box(40, 40, 1, 1)) == 201


def zigzag(points: int) -> Points:
    """A polygon of which every second edge crosses every other one: from the left to the right and back."""
    at = np.arange(points, dtype=np.float64)
    return np.stack([np.where(at % 2, 500 - at / points, at / points), at * 7919 % 499], axis=1)


def by_formula(outline: Points, at: Points) -> int:
    """How many of the places an outline encloses by the even-odd rule, edge by edge."""
    inside = np.zeros(len(at), dtype=bool)
    for (x, y), (end_x, end_y) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y != end_y:
            crosses = (y <= at[:, 1]) != (end_y <= at[:, 1])
            inside ^= crosses & (at[:, 0] < x + (at[:, 1] - y) * (end_x - x) / (end_y - y))
    return int(inside.sum())


def test_a_zigzag_is_as_large_as_the_places_in_it_are_many() -> None:
    across, down = np.meshgrid(np.arange(0.5, 500), np.arange(0.5, 500))
    places = np.stack([across.ravel(), down.ravel()], axis=1)
    for points in (5, 90):
        outline = zigzag(points)
        lines = Lines.through([outline])

        assert lines.size(lines.area(outline)) == pytest.approx(by_formula(outline, places), rel=0.005)


def test_dice_and_coverage_of_half_an_overlap() -> None:
    left, right = outlines(box(0, 0, 10, 10), box(5, 0, 10, 10))
    lines = Lines.through([left, right])
    drawn, regions = lines.area(left), lines.area(right)

    assert lines.dice(drawn, regions) == pytest.approx(0.5)
    assert lines.coverage(regions, drawn) == pytest.approx(0.5)
    assert lines.dice(drawn, drawn) == pytest.approx(1)
    assert lines.dice(drawn, lines.union([])) == 0
    assert lines.coverage(drawn, lines.union([])) == 0


def test_dice_of_circles_is_what_the_formula_of_their_lens_says() -> None:
    apart, radius = 50, 60
    first, second = outlines(
        svg(f'<circle cx="100" cy="100" r="{radius}"/>'),
        svg(f'<circle cx="{100 + apart}" cy="100" r="{radius}"/>'),
    )
    lens = 2 * radius**2 * math.acos(apart / 2 / radius) - apart / 2 * math.sqrt(4 * radius**2 - apart**2)
    lines = Lines.through([first, second])

    assert lines.dice(lines.area(first), lines.area(second)) == pytest.approx(
        lens / (math.pi * radius**2), abs=0.003
    )


def stretches(lines: Lines, shapes: Sequence[Points]) -> int:
    found: list[Area] = [lines.area(shape) for shape in shapes]
    return sum(map(len, found))


@pytest.mark.parametrize("points", [90, 400, 5000, 100_000])
@pytest.mark.parametrize("shapes", [1, 50])
def test_a_look_takes_a_set_count_of_crossings_whatever_was_drawn(points: int, shapes: int) -> None:
    drawn = [zigzag(points)] * shapes
    lines = Lines.through(drawn)

    assert stretches(lines, drawn) <= MAX_CROSSINGS / 2 + points * shapes
    assert len(lines.union(drawn)) <= MAX_CROSSINGS / 2 + points * shapes


def test_what_is_drawn_by_hand_is_looked_at_as_finely_as_can_be() -> None:
    assert Lines.through(outlines(*[box(at, at, 100, 80) for at in range(50)])).per_pixel == FINEST
