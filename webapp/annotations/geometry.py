"""What stored selectors cover: areas in pixels of the scan, how far they are the same, and their outlines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

import shapely
from defusedxml.ElementTree import fromstring
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from webapp.annotations.selectors import FRAGMENT, NUMBER, NUMBERS_PER_COMMAND

Point = tuple[float, float]

# A circle up to this radius, in pixels, marks a point: what it covers says nothing.
POINT_RADIUS = 3
# Straight pieces in place of a quarter of an ellipse, and of a Bézier curve.
PIECES = 16


def area_of(selector: dict[str, str]) -> MultiPolygon | None:
    """What a stored selector covers; None for what covers nothing: points, lines and open paths."""
    outline = _outline(selector)
    if len(outline) < 3:
        return None
    return _polygons_of(shapely.make_valid(Polygon(outline)))


def union(selectors: Iterable[dict[str, str]]) -> MultiPolygon | None:
    """What several selectors cover together; None when that is nothing."""
    return _joined(area_of(selector) for selector in selectors)


def union_of_polygons(polygons: Iterable[list[list[float]]]) -> MultiPolygon | None:
    """What polygons, each a list of [x, y], cover together; None when that is nothing."""
    return _joined(
        _polygons_of(shapely.make_valid(Polygon(polygon))) for polygon in polygons if len(polygon) > 2
    )


def dice(first: BaseGeometry, second: BaseGeometry) -> float:
    """Twice the common area by the sum of both, 0 to 1 (Dice 1945, https://doi.org/10.2307/1932409)."""
    both = first.area + second.area
    return float(2 * first.intersection(second).area / both) if both else 0.0


def coverage(regions: BaseGeometry, drawn: BaseGeometry) -> float:
    """Share of the drawn area that the regions cover, 0 to 1."""
    return float(drawn.intersection(regions).area / drawn.area) if drawn.area else 0.0


def outlines(area: MultiPolygon) -> list[list[Point]]:
    """The outer edges of an area, each a list of (x, y) without the first point repeated."""
    return [[(x, y) for x, y, *_ in polygon.exterior.coords[:-1]] for polygon in area.geoms]


def path_of(selector: dict[str, str]) -> tuple[list[Point], bool]:
    """Any stored shape as points to draw a line through, and whether it is closed; curves become straight pieces."""
    if selector["type"] == "FragmentSelector":
        return _outline(selector), True
    shape = fromstring(selector["value"])[0]
    name = shape.tag.rpartition("}")[2]
    if name == "line":
        x1, y1, x2, y2 = (float(shape.attrib[key]) for key in ("x1", "y1", "x2", "y2"))
        return [(x1, y1), (x2, y2)], False
    if name == "polyline":
        return _points(shape.attrib["points"]), False
    if name == "path":
        return list(_flattened(shape.attrib["d"])), shape.attrib["d"].rstrip().endswith("Z")
    if name == "circle":
        return _ellipse(*(float(shape.attrib[key]) for key in ("cx", "cy", "r", "r"))), True
    return _outline(selector), True


def _joined(areas: Iterable[MultiPolygon | None]) -> MultiPolygon | None:
    found = [area for area in areas if area is not None]
    return _polygons_of(shapely.union_all(found)) if found else None


def _polygons_of(geometry: BaseGeometry) -> MultiPolygon | None:
    """The areas of a geometry without the lines and points that a repair can leave."""
    parts = [part for part in shapely.get_parts(geometry) if isinstance(part, Polygon) and part.area > 0]
    nested = [part for part in shapely.get_parts(geometry) if isinstance(part, MultiPolygon)]
    parts.extend(polygon for several in nested for polygon in several.geoms)
    return MultiPolygon(parts) if parts else None


def _outline(selector: dict[str, str]) -> list[Point]:
    """The edge of a shape that covers an area; empty for one that does not."""
    if selector["type"] == "FragmentSelector":
        found = FRAGMENT.fullmatch(selector["value"])
        return _rectangle(*map(float, found.groups())) if found else []
    shape = fromstring(selector["value"])[0]
    name = shape.tag.rpartition("}")[2]
    if name == "rect":
        return _rectangle(*(float(shape.attrib[key]) for key in ("x", "y", "width", "height")))
    if name == "circle" and float(shape.attrib["r"]) > POINT_RADIUS:
        return _ellipse(*(float(shape.attrib[key]) for key in ("cx", "cy", "r", "r")))
    if name == "ellipse":
        return _ellipse(*(float(shape.attrib[key]) for key in ("cx", "cy", "rx", "ry")))
    if name == "polygon":
        return _points(shape.attrib["points"])
    if name == "path" and shape.attrib["d"].rstrip().endswith("Z"):
        return list(_flattened(shape.attrib["d"]))
    return []


def _rectangle(x: float, y: float, width: float, height: float) -> list[Point]:
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def _ellipse(x: float, y: float, horizontal: float, vertical: float) -> list[Point]:
    circle = shapely.Point(0, 0).buffer(1, quad_segs=PIECES)
    return [(x + horizontal * a, y + vertical * b) for a, b in circle.exterior.coords[:-1]]


def _points(text: str) -> list[Point]:
    numbers = [float(number) for number in re.findall(NUMBER, text)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _flattened(path: str) -> Iterator[Point]:
    """The points of a path with absolute commands, its curves as straight pieces."""
    at = (0.0, 0.0)
    for command, arguments in re.findall(r"([MLCQZ])([^MLCQZ]*)", path):
        points = _points(arguments)
        step = NUMBERS_PER_COMMAND[command] // 2
        for start in range(0, len(points), step or 1):
            controls = [at, *points[start : start + step]]
            if step == 1:
                yield controls[1]
            else:
                yield from (_bezier(controls, piece / PIECES) for piece in range(1, PIECES + 1))
            at = controls[-1]


def _bezier(controls: list[Point], share: float) -> Point:
    """The point of a Bézier curve at a share of its course, 0 to 1, by de Casteljau's construction."""
    while len(controls) > 1:
        controls = [
            (ax + (bx - ax) * share, ay + (by - ay) * share) for (ax, ay), (bx, by) in pairwise(controls)
        ]
    return controls[0]
