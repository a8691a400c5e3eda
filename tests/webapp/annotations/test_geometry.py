"""What shapes cover."""

from __future__ import annotations

import pytest

from webapp.annotations.geometry import outline_of, path_of
from webapp.annotations.selectors import clean


def box(x: float, y: float, width: float, height: float) -> dict[str, str]:
    return {"type": "FragmentSelector", "value": f"xywh=pixel:{x},{y},{width},{height}"}


def svg(shape: str) -> dict[str, str]:
    return clean(
        {"type": "SvgSelector", "value": f'<svg xmlns="http://www.w3.org/2000/svg">{shape}</svg>'}, 512, 512
    )


@pytest.mark.parametrize(
    "shape",
    [
        '<circle cx="10" cy="10" r="3"/>',
        '<line x1="0" y1="0" x2="100" y2="0"/>',
        '<polyline points="0,0 10,0 10,10"/>',
        '<path d="M 0 0 L 10 0 L 10 10"/>',
    ],
)
def test_points_lines_and_what_is_open_cover_nothing(shape: str) -> None:
    assert outline_of(svg(shape)) is None


def drawn(shape: str) -> tuple[list[list[float]], bool]:
    points, closed = path_of(svg(shape))
    return points.tolist(), closed


def test_lines_can_be_drawn_although_they_cover_nothing() -> None:
    assert drawn('<line x1="0" y1="1" x2="2" y2="3"/>') == ([[0, 1], [2, 3]], False)
    assert drawn('<polyline points="0,1 2,3 4,5"/>') == ([[0, 1], [2, 3], [4, 5]], False)
    assert drawn('<path d="M 0 0 L 4 4"/>') == ([[0, 0], [4, 4]], False)
    assert drawn('<path d="M 0 0 L 4 4 L 4 0 Z"/>') == ([[0, 0], [4, 4], [4, 0]], True)


def test_curves_become_straight_pieces_on_them() -> None:
    points, _ = drawn('<path d="M 0 0 Q 50 100 100 0 100 0 200 0 C 200 0 300 0 300 0 L 400 0"/>')

    assert points[8] == [50, 50]
    assert points[16] == [100, 0]
    assert points[-2:] == [[300, 0], [400, 0]]
    assert all(y == 2 * x * (100 - x) / 100 for x, y in points[:17])


def test_digits_of_other_scripts_that_were_kept_once_are_read() -> None:
    of_another_script = {"type": "FragmentSelector", "value": "xywh=pixel:1,٢,٣,4"}

    assert path_of(of_another_script)[0].tolist() == [[1, 2], [4, 2], [4, 6], [1, 6]]
