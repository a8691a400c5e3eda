"""What shapes cover."""

from __future__ import annotations

import math

import pytest

from webapp.annotations import geometry
from webapp.annotations.selectors import clean


def box(x: float, y: float, width: float, height: float) -> dict[str, str]:
    return {"type": "FragmentSelector", "value": f"xywh=pixel:{x},{y},{width},{height}"}


def svg(shape: str) -> dict[str, str]:
    return clean(
        {"type": "SvgSelector", "value": f'<svg xmlns="http://www.w3.org/2000/svg">{shape}</svg>'}, 512, 512
    )


@pytest.mark.parametrize(
    ("selector", "area"),
    [
        (box(10, 20, 30, 40), 1200),
        (svg('<rect x="1" y="2" width="10" height="5"/>'), 50),
        (svg('<polygon points="0,0 10,0 10,10"/>'), 50),
        (svg('<path d="M 0 0 L 10 0 L 10 10 Z"/>'), 50),
        # The ends of a quadratic curve and its control point: two thirds of the triangle lie below it.
        (svg('<path d="M 0 0 Q 50 100 100 0 Z"/>'), 100 * 100 / 3),
        (svg('<path d="M 0 0 C 0 100 100 100 100 0 Z"/>'), 6000),
        # Crosses itself: the two triangles count, not their difference.
        (svg('<polygon points="0,0 10,10 10,0 0,10"/>'), 50),
    ],
)
def test_areas_are_those_of_the_shape(selector: dict[str, str], area: float) -> None:
    covered = geometry.area_of(selector)

    assert covered is not None
    assert covered.area == pytest.approx(area, rel=0.01)


def test_round_shapes_are_as_large_as_their_formula_says() -> None:
    ellipse = geometry.area_of(svg('<ellipse cx="100" cy="100" rx="40" ry="20"/>'))
    circle = geometry.area_of(svg('<circle cx="100" cy="100" r="30"/>'))

    assert ellipse is not None and ellipse.area == pytest.approx(math.pi * 800, rel=0.01)
    assert circle is not None and circle.area == pytest.approx(math.pi * 900, rel=0.01)


@pytest.mark.parametrize(
    "shape",
    [
        '<circle cx="10" cy="10" r="3"/>',
        '<line x1="0" y1="0" x2="100" y2="0"/>',
        '<polyline points="0,0 10,0 10,10"/>',
        '<path d="M 0 0 L 10 0 L 10 10"/>',
        '<polygon points="0,0 10,0 20,0"/>',
    ],
)
def test_points_lines_and_what_is_open_cover_nothing(shape: str) -> None:
    assert geometry.area_of(svg(shape)) is None


def test_shapes_that_overlap_count_once() -> None:
    both = geometry.union([box(0, 0, 10, 10), box(5, 0, 10, 10)])

    assert both is not None
    assert both.area == pytest.approx(150)
    assert geometry.union([svg('<circle cx="10" cy="10" r="3"/>')]) is None


def test_dice_and_coverage_of_half_an_overlap() -> None:
    left, right = (
        geometry.union([box(0, 0, 10, 10)]),
        geometry.union_of_polygons([[[5, 0], [15, 0], [15, 10], [5, 10]]]),
    )

    assert left is not None and right is not None
    assert geometry.dice(left, right) == pytest.approx(0.5)
    assert geometry.coverage(right, left) == pytest.approx(0.5)
    assert geometry.dice(left, left) == pytest.approx(1)


def test_lines_can_be_drawn_although_they_cover_nothing() -> None:
    assert geometry.path_of(svg('<line x1="0" y1="1" x2="2" y2="3"/>')) == ([(0, 1), (2, 3)], False)
    assert geometry.path_of(svg('<path d="M 0 0 L 4 4"/>')) == ([(0, 0), (4, 4)], False)
    assert geometry.path_of(svg('<path d="M 0 0 L 4 4 L 4 0 Z"/>'))[1]
