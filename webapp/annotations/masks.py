"""Drawn areas as pixels: those whose centre lies inside."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from webapp.annotations.geometry import Points

Mask = npt.NDArray[np.bool_]
MAX_CROSSINGS = 2**24
"""Of outlines with rows of pixels, which takes some seconds. 500 ellipses as large as a B-scan have a thirtieth."""
AT_ONCE = 2**18
"""Crossings that are sorted together."""


class TooIntricate(ValueError):
    """The outlines go up and down so often that working out their pixels takes too long."""


def mask_of(outlines: Sequence[Points], width: int, height: int) -> Mask:
    """The pixels of what several outlines enclose together, bool (height, width).

    What an outline goes round twice lies outside of it, as in `areas`. Raises TooIntricate.
    """
    if sum(_travelled(outline) for outline in outlines) > MAX_CROSSINGS:
        raise TooIntricate("The drawings have too many lines that go up and down. Draw them more simply.")
    found = np.zeros((height, width), dtype=np.bool_)
    for outline in outlines:
        rows = max(1, AT_ONCE // len(outline))
        top = max(0, math.floor(outline[:, 1].min()))
        bottom = min(height, math.ceil(outline[:, 1].max()))
        for first in range(top, bottom, rows):
            behind = min(first + rows, bottom)
            found[first:behind] |= _rows(outline, width, first, behind)
    return found


def _travelled(outline: Points) -> float:
    return float(np.abs(np.diff(outline[:, 1], append=outline[:1, 1])).sum())


def _rows(outline: Points, width: int, first: int, behind: int) -> Mask:
    """The pixels of the rows from `first` to before `behind`: where a row's middle has crossed the outline an odd number of times."""
    (x, y), (end_x, end_y) = outline.T, np.roll(outline, -1, axis=0).T
    falls = end_y - y
    leans = np.divide(end_x - x, falls, out=np.zeros_like(x), where=falls != 0)
    # As in areas.py: the upper end of an edge counts, the lower one does not, so that crossings come in pairs.
    begin, end = (
        np.ceil(pick(y, end_y) - 0.5).clip(first, behind).astype(np.int64)
        for pick in (np.minimum, np.maximum)
    )
    counts = end - begin
    edge = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(len(edge)) - np.repeat(counts.cumsum() - counts, counts) + begin[edge]
    crossed = x[edge] + (row + 0.5 - y[edge]) * leans[edge]
    column = np.ceil(crossed - 0.5).clip(0, width).astype(np.int64)
    crossings = np.zeros((behind - first, width + 1), dtype=np.int64)
    np.add.at(crossings, (row - first, column), 1)
    return np.asarray(crossings[:, :width].cumsum(axis=1) % 2 == 1)
