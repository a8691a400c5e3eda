"""The kinds of shapes, with one word for each everywhere, and the SVG elements that draw them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db import models

POINT_RADIUS = 3
"""A circle up to this radius, in pixels, marks a point; its area has no meaning."""
ELEMENT = re.compile(r"<svg[^<>]*><([a-z]+) ")
RADIUS = re.compile(r' r="([^"]*)"')


class Shape(models.TextChoices):
    """The kinds, as `Kind` of the page's `shapes.ts` has them."""

    BOX = "box", "Box"
    ELLIPSE = "ellipse", "Ellipse"
    POLYGON = "polygon", "Polygon"
    FREEHAND = "freehand", "Freehand"
    POINT = "point", "Point"
    CALIPER = "caliper", "Caliper"


Corners = Sequence[tuple[float, float]]
Ends = tuple[list[float], list[float]]


def rectangle(x: float, y: float, width: float, height: float) -> Corners:
    """The corners of a box."""
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


@dataclass(frozen=True)
class Element:
    """An SVG element that draws a shape. How it is checked and measured follows from this record.

    `attributes` are those that it needs: numbers, of which `lengths` have to be above 0; or one list of at least
    `least_points` points; or the commands of a path. `corners` takes the numbers, in order, and returns the corners;
    for what is round, `axes` returns the centre and the two radii. What is not `closed` covers nothing.
    """

    shape: Shape
    attributes: tuple[str, ...]
    lengths: tuple[str, ...] = ()
    corners: Callable[..., Corners] | None = None
    axes: Callable[..., tuple[float, float, float, float]] | None = None
    least_points: int = 0
    closed: bool = True

    @property
    def is_measured(self) -> bool:
        """Whether its attributes are numbers."""
        return bool(self.corners or self.axes)

    def ends(self, *numbers: float) -> Ends:
        """The coordinates that an element with these numbers reaches: x of its ends, and y of its ends."""
        if self.axes:
            x, y, across, down = self.axes(*numbers)
            return [x - across, x + across], [y - down, y + down]
        assert self.corners
        xs, ys = zip(*self.corners(*numbers), strict=True)
        return list(xs), list(ys)


ELEMENTS: Mapping[str, Element] = {
    "rect": Element(Shape.BOX, ("x", "y", "width", "height"), lengths=("width", "height"), corners=rectangle),
    "circle": Element(Shape.ELLIPSE, ("cx", "cy", "r"), lengths=("r",), axes=lambda x, y, r: (x, y, r, r)),
    "ellipse": Element(
        Shape.ELLIPSE,
        ("cx", "cy", "rx", "ry"),
        lengths=("rx", "ry"),
        axes=lambda x, y, across, down: (x, y, across, down),
    ),
    "line": Element(
        Shape.CALIPER,
        ("x1", "y1", "x2", "y2"),
        corners=lambda x1, y1, x2, y2: [(x1, y1), (x2, y2)],
        closed=False,
    ),
    "polygon": Element(Shape.POLYGON, ("points",), least_points=3),
    "polyline": Element(Shape.FREEHAND, ("points",), least_points=2, closed=False),
    "path": Element(Shape.FREEHAND, ("d",)),
}
"""By name. A circle may be a point, see `shape_of`; a path is closed by its last command."""


def shape_of(selector: Mapping[str, str]) -> Shape:
    """The kind of shape that a stored selector draws."""
    if selector["type"] == "FragmentSelector":
        return Shape.BOX
    value = selector["value"]
    (element,) = ELEMENT.findall(value)
    if element == "circle" and all(float(radius) <= POINT_RADIUS for radius in RADIUS.findall(value)):
        return Shape.POINT
    return ELEMENTS[element].shape
