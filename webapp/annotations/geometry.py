"""The shapes that stored selectors draw, as points, and which of them cover an area."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import decimal

import numpy as np
import numpy.typing as npt
from defusedxml.ElementTree import fromstring

from webapp.annotations.selectors import FRAGMENT, NUMBER, NUMBERS_PER_COMMAND, PATH_PARTS
from webapp.annotations.shapes import Shape, shape_of

Points = npt.NDArray[np.float64]
"""Of shape (n, 2): x and y, in pixels of the scan."""

# Straight pieces in place of a quarter of an ellipse, and of a Bézier curve.
PIECES = 16
QUARTERS = np.linspace(0, 2 * np.pi, 4 * PIECES, endpoint=False)
CIRCLE = np.stack([np.cos(QUARTERS), np.sin(QUARTERS)], axis=1)
# The shares of a curve's end and control points in the points of its pieces, by their number (Bernstein's polynomials).
ALONG = np.linspace(0, 1, PIECES + 1)[1:, None]
SHARES = {
    3: np.hstack([(1 - ALONG) ** 2, 2 * (1 - ALONG) * ALONG, ALONG**2]),
    4: np.hstack([(1 - ALONG) ** 3, 3 * (1 - ALONG) ** 2 * ALONG, 3 * (1 - ALONG) * ALONG**2, ALONG**3]),
}


def path_of(selector: dict[str, str]) -> tuple[Points, bool]:
    """Any stored shape as points to draw a line through, and whether it is closed; curves become straight pieces."""
    value = _in_ascii(selector["value"])
    if selector["type"] == "FragmentSelector":
        found = FRAGMENT.fullmatch(value)
        return (_rectangle(*map(float, found.groups())) if found else np.empty((0, 2))), True
    shape = fromstring(value)[0]
    name = shape.tag.rpartition("}")[2]
    numbers = {key: float(text) for key, text in shape.attrib.items() if key not in ("points", "d")}
    if name == "line":
        return np.array([[numbers["x1"], numbers["y1"]], [numbers["x2"], numbers["y2"]]]), False
    if name in ("polyline", "polygon"):
        return _points(shape.attrib["points"]), name == "polygon"
    if name == "path":
        return _flattened(shape.attrib["d"]), shape.attrib["d"].rstrip().endswith("Z")
    if name == "rect":
        return _rectangle(*(numbers[key] for key in ("x", "y", "width", "height"))), True
    across, down = ("r", "r") if name == "circle" else ("rx", "ry")
    return CIRCLE * (numbers[across], numbers[down]) + (numbers["cx"], numbers["cy"]), True


def outline_of(selector: dict[str, str]) -> Points | None:
    """The edge of what a stored selector covers; None for what covers nothing: points, lines and open paths."""
    points, closed = path_of(selector)
    if not closed or len(points) < 3:
        return None
    if shape_of(selector) == Shape.POINT:
        return None
    return points


def polygon_of(points: Sequence[Sequence[float]]) -> Points:
    """A polygon of the model, a list of [x, y], as points."""
    return np.array(points, dtype=np.float64)


def _in_ascii(text: str) -> str:
    """Digits of other scripts, which were kept before they were refused, as our own."""
    return text if text.isascii() else "".join(str(decimal(letter, letter)) for letter in text)


def _rectangle(x: float, y: float, width: float, height: float) -> Points:
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])


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
