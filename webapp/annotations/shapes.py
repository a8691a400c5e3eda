"""What a drawn shape is called: one word for each kind, the same on the page, in the API, reports, exports and here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.db import models

POINT_RADIUS = 3
"""A circle up to this radius, in pixels, marks a point: what it covers says nothing."""
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


OF_ELEMENT: Mapping[str, Shape] = {
    "rect": Shape.BOX,
    "circle": Shape.ELLIPSE,
    "ellipse": Shape.ELLIPSE,
    "polygon": Shape.POLYGON,
    "polyline": Shape.FREEHAND,
    "path": Shape.FREEHAND,
    "line": Shape.CALIPER,
}
"""By the SVG element of a stored selector. A circle may be a point, see `shape_of`."""


def shape_of(selector: Mapping[str, str]) -> Shape:
    """The kind of shape that a stored selector draws."""
    if selector["type"] == "FragmentSelector":
        return Shape.BOX
    value = selector["value"]
    (element,) = ELEMENT.findall(value)
    if element == "circle" and all(float(radius) <= POINT_RADIUS for radius in RADIUS.findall(value)):
        return Shape.POINT
    return OF_ELEMENT[element]
