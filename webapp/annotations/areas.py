"""The size of areas, their union, and how far two overlap.

An area is sampled along horizontal lines, several for each pixel, and kept as the stretches of these lines that lie in
it. The number of lines is bounded whatever somebody draws, and the only work is to sort where they cross outlines: an
outline that crosses itself a thousand times costs as much as any other of its length. Areas of whole pixels are exact.

A place that an outline goes round twice lies outside of it (the even-odd rule), as in the tools that read COCO.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from webapp.annotations.geometry import Points

Area = npt.NDArray[np.float64]
"""Of shape (n, 2): where each stretch begins and ends, in pixels, in order, with all lines laid end to end."""

MAX_CROSSINGS = 2**18
"""The most crossings of outlines with lines that are sorted together, which takes some 30 ms."""
FINEST = 2.0**4
"""The most lines for each pixel."""
UP_AND_DOWN = (np.minimum, np.maximum)
NOTHING: Area = np.empty((0, 2))


@dataclass(frozen=True)
class Lines:
    """Horizontal lines at equal distances: `per_pixel` of them for each pixel, each `stride` pixels long."""

    per_pixel: float
    stride: float

    @classmethod
    def through(cls, outlines: Sequence[Points]) -> Lines:
        """As many lines as MAX_CROSSINGS allows for these outlines; a power of two, so that whole pixels are exact."""
        travelled = sum(
            float(np.abs(np.diff(outline[:, 1], append=outline[:1, 1])).sum()) for outline in outlines
        )
        widest = max((float(np.abs(outline[:, 0]).max()) for outline in outlines), default=0.0)
        affordable = 2.0 ** math.floor(math.log2(MAX_CROSSINGS / travelled)) if travelled else FINEST
        return cls(min(FINEST, affordable), math.ceil(widest) + 2)

    def area(self, outline: Points) -> Area:
        """The area that an outline encloses."""
        (x, y), (end_x, end_y) = outline.T, np.roll(outline, -1, axis=0).T
        falls = end_y - y
        leans = np.divide(end_x - x, falls, out=np.zeros_like(x), where=falls != 0)
        # A line crosses an edge from its upper end, included, to its lower end, excluded: so each line crosses a closed
        # outline an even number of times.
        first, behind = (
            np.ceil(ends(y, end_y) * self.per_pixel - 0.5).astype(np.int64) for ends in UP_AND_DOWN
        )
        counts = behind - first
        edge = np.repeat(np.arange(len(counts)), counts)
        line = np.arange(len(edge)) - np.repeat(counts.cumsum() - counts, counts) + first[edge]
        level = (line + 0.5) / self.per_pixel
        crossings: Area = np.sort(x[edge] + (level - y[edge]) * leans[edge] + line * self.stride)
        return crossings.reshape(-1, 2)

    def size(self, area: Area) -> float:
        """The size of an area, in square pixels."""
        return float((area[:, 1] - area[:, 0]).sum() / self.per_pixel)

    def union(self, outlines: Iterable[Points]) -> Area:
        """The area that several outlines enclose together."""
        return joined([self.area(outline) for outline in outlines])

    def common(self, first: Area, second: Area) -> float:
        """The size of the intersection of two areas, in square pixels."""
        return max(0.0, self.size(first) + self.size(second) - self.size(joined([first, second])))

    def dice(self, first: Area, second: Area) -> float:
        """The Dice coefficient of two areas, 0 to 1 (Dice 1945, https://doi.org/10.2307/1932409); 0 without any area."""
        both = self.size(first) + self.size(second)
        return 2 * self.common(first, second) / both if both else 0.0

    def coverage(self, regions: Area, drawn: Area) -> float:
        """The share of the drawn area that the regions cover, 0 to 1; 0 without a drawn area."""
        size = self.size(drawn)
        return self.common(regions, drawn) / size if size else 0.0


def joined(areas: Sequence[Area]) -> Area:
    """The union of areas, in stretches that don't overlap."""
    if not areas:
        return NOTHING
    ends = np.concatenate(areas)
    at = ends.T.ravel()
    # At the same place, beginnings come before ends, so that stretches that touch become one.
    order = np.lexsort((np.repeat([0, 1], len(ends)), at))
    depth = np.repeat([1, -1], len(ends))[order].cumsum()
    at = at[order]
    begins = np.flatnonzero((depth == 1) & (np.diff(depth, prepend=0) == 1))
    return np.stack([at[begins], at[depth == 0]], axis=1)
