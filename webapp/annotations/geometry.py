"""Stored selectors as points, and as the outlines of what they cover."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import decimal

import numpy as np
import numpy.typing as npt
from defusedxml.ElementTree import fromstring

from webapp.annotations.selectors import FRAGMENT, NUMBER, NUMBERS_PER_COMMAND, PATH_PARTS
from webapp.annotations.shapes import ELEMENTS, Element, Shape, rectangle, shape_of

Points = npt.NDArray[np.float64]
"""Of shape (n, 2): x and y, in pixels of the scan."""

# Straight pieces for a quarter of an ellipse, and for a Bézier curve.
PIECES = 16
QUARTERS = np.linspace(0, 2 * np.pi, 4 * PIECES, endpoint=False)
CIRCLE = np.stack([np.cos(QUARTERS), np.sin(QUARTERS)], axis=1)
# The weights of a curve's end and control points in the points of its pieces (Bernstein polynomials), by their number.
ALONG = np.linspace(0, 1, PIECES + 1)[1:, None]
SHARES = {
    3: np.hstack([(1 - ALONG) ** 2, 2 * (1 - ALONG) * ALONG, ALONG**2]),
    4: np.hstack([(1 - ALONG) ** 3, 3 * (1 - ALONG) ** 2 * ALONG, 3 * (1 - ALONG) * ALONG**2, ALONG**3]),
}


def path_of(selector: dict[str, str]) -> tuple[Points, bool]:
    """The points of a stored shape, in order, and whether it is closed. Curves become straight pieces."""
    value = _in_ascii(selector["value"])
    if selector["type"] == "FragmentSelector":
        found = FRAGMENT.fullmatch(value)
        return (np.array(rectangle(*map(float, found.groups()))) if found else np.empty((0, 2))), True
    shape = fromstring(value)[0]
    element = ELEMENTS[shape.tag.rpartition("}")[2]]
    if element.is_measured:
        return _measured(element, [float(shape.attrib[key]) for key in element.attributes]), element.closed
    (key,) = element.attributes
    text = shape.attrib[key]
    if element.least_points:
        return _points(text), element.closed
    return _flattened(text), text.rstrip().endswith("Z")


def outline_of(selector: dict[str, str]) -> Points | None:
    """The outline of what a stored selector covers; None for points, lines and open paths, which cover nothing."""
    points, closed = path_of(selector)
    if not closed or len(points) < 3:
        return None
    if shape_of(selector) == Shape.POINT:
        return None
    return points


def polygon_of(points: Sequence[Sequence[float]]) -> Points:
    """The polygon of a region, a list of [x, y] in pixels, as points."""
    return np.array(points, dtype=np.float64)


def _in_ascii(text: str) -> str:
    """The text with digits of other scripts, which earlier versions kept, as ASCII."""
    return text if text.isascii() else "".join(str(decimal(letter, letter)) for letter in text)


def _measured(element: Element, numbers: list[float]) -> Points:
    if element.axes:
        x, y, across, down = element.axes(*numbers)
        return CIRCLE * (across, down) + (x, y)
    assert element.corners
    return np.array(element.corners(*numbers))


def _points(text: str) -> Points:
    return np.array(list(map(float, NUMBER.findall(text)))).reshape(-1, 2)


def _flattened(path: str) -> Points:
    """The points of a path with absolute commands, its curves as straight pieces."""
    parts = [np.zeros((1, 2))]
    for command, arguments in PATH_PARTS.findall(path):
        points = _points(arguments)
        if not len(points):
            continue
        shares = SHARES.get(NUMBERS_PER_COMMAND[command] // 2 + 1)
        if shares is not None:
            curves = points.reshape(-1, shares.shape[1] - 1, 2)
            starts = np.vstack([parts[-1][-1:], curves[:-1, -1]])
            points = np.einsum("ps,csx->cpx", shares, np.concatenate([starts[:, None], curves], axis=1))
        parts.append(points.reshape(-1, 2))
    return np.vstack(parts[1:])
