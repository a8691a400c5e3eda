"""Cuts an outline into pieces that don't cross themselves, in which all programs find the same area.

A place that an outline goes round twice lies outside of it (the even-odd rule), as in `areas`. In an outline that
crosses itself, programs that fill by another rule, or apply the shoelace formula, find another area. Such an outline is
cut at the height of each corner and each crossing; between two cuts no edges cross.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from webapp.annotations.areas import Lines
from webapp.annotations.geometry import Points

MOST_PAIRS = 2**20
"""The most pairs of edges at the same height that are compared."""
MOST_STRETCHES = 2**17
"""The most stretches of edges between cuts; an outline drawn by hand has a few thousand."""
DECIMALS = 2
"""Places are rounded to so many decimals of a pixel."""
SAME = 1e-9
"""Places closer than this, in pixels, are the same."""

Numbers = npt.NDArray[np.int64]
Ends = tuple[float, float]


@dataclass
class _Piece:
    """A piece that may go on below: its left and right sides from the top down, and the edges that they follow."""

    sides: tuple[list[Ends], list[Ends]]
    edges: list[int] = field(default_factory=lambda: [-1, -1])

    def grow(self, side: int, edge: int, end: Ends) -> None:
        """Follow an edge down to where it meets the next cut."""
        if self.edges[side] == edge:
            self.sides[side].pop()
        self.sides[side].append(end)
        self.edges[side] = edge

    @property
    def outline(self) -> Points:
        """All corners, in order."""
        return np.array(self.sides[0] + self.sides[1][::-1])


def enclosed(outline: Points) -> tuple[list[Points], float]:
    """Outlines that together enclose what this one does, without overlap, and their area in square pixels.

    An outline that doesn't meet itself stays as it is, and so does one that crosses itself thousands of times. The list
    is empty where nothing is enclosed.
    """
    outline = outline.round(DECIMALS)
    corners = outline[np.any(outline != np.roll(outline, 1, axis=0), axis=1)]
    if len(corners) < 3:
        return [], 0.0
    begins, ends = corners, np.roll(corners, -1, axis=0)
    pairs = _neighbours(begins, ends)
    heights = None if pairs is None else _meetings(begins, ends, *pairs)
    if heights is not None and not len(heights):
        return _of_some_size([corners])
    cuts = None if heights is None else np.unique(np.concatenate([corners[:, 1], heights]))
    if cuts is None or _stretches(begins, ends, cuts) > MOST_STRETCHES:
        lines = Lines.through([corners])
        return [corners], lines.size(lines.area(corners))
    return _of_some_size([piece.outline.round(DECIMALS) for piece in _cut(begins, ends, cuts)])


def _of_some_size(outlines: list[Points]) -> tuple[list[Points], float]:
    sizes = [_size(outline) for outline in outlines]
    return [outline for outline, size in zip(outlines, sizes, strict=True) if size], round(
        sum(sizes), 2 * DECIMALS
    )


def _size(outline: Points) -> float:
    """The area of an outline that doesn't cross itself, in square pixels."""
    (x, y), (next_x, next_y) = outline.T, np.roll(outline, -1, axis=0).T
    return round(float(abs((x * next_y - next_x * y).sum()) / 2), 2 * DECIMALS)


def _stretches(begins: Points, ends: Points, cuts: npt.NDArray[np.float64]) -> int:
    """How many stretches the cuts make of all edges."""
    first, last = np.searchsorted(cuts, begins[:, 1]), np.searchsorted(cuts, ends[:, 1])
    return int(np.abs(first - last).sum())


def _neighbours(begins: Points, ends: Points) -> tuple[Numbers, Numbers] | None:
    """The pairs of edges whose boxes touch; None for too many at one height."""
    tops, bottoms = (choose(begins[:, 1], ends[:, 1]) for choose in (np.minimum, np.maximum))
    order = np.argsort(tops, kind="stable")
    behind = np.searchsorted(tops[order], bottoms[order], side="right")
    counts = behind - np.arange(1, len(order) + 1)
    if counts.sum() > MOST_PAIRS:
        return None
    first = np.repeat(np.arange(len(order)), counts)
    second = np.arange(len(first)) - np.repeat(counts.cumsum() - counts, counts) + first + 1
    first, second = order[first], order[second]
    left, right = (choose(begins[:, 0], ends[:, 0]) for choose in (np.minimum, np.maximum))
    touch = (left[first] <= right[second]) & (left[second] <= right[first])
    return first[touch], second[touch]


def _meetings(begins: Points, ends: Points, first: Numbers, second: Numbers) -> npt.NDArray[np.float64]:
    """The heights at which edges meet that aren't neighbours, and at which neighbours lie on each other."""
    along, other = ends[first] - begins[first], ends[second] - begins[second]
    apart = begins[second] - begins[first]
    turn = _cross(along, other)
    follow = np.isin(np.abs(first - second), (1, len(begins) - 1))
    crossing = (turn != 0) & ~follow
    safe = np.where(crossing, turn, 1.0)
    at, on_other = _cross(apart, other) / safe, _cross(apart, along) / safe
    meet = crossing & (at >= 0) & (at <= 1) & (on_other >= 0) & (on_other <= 1)
    # Edges on one line meet in a stretch whose ends are corners; neighbours do so only where one goes back.
    on_line = (turn == 0) & (_cross(apart, along) == 0) & (~follow | ((along * other).sum(axis=1) < 0))
    heights = begins[first, 1] + at * along[:, 1]
    return np.concatenate([heights[meet], begins[first[on_line], 1]])


def _cross(first: Points, second: Points) -> npt.NDArray[np.float64]:
    product: npt.NDArray[np.float64] = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return product


def _cut(begins: Points, ends: Points, cuts: npt.NDArray[np.float64]) -> Iterator[_Piece]:
    """The pieces, from the top down. Pieces that share the corners of a cut are one."""
    falls = begins[:, 1] > ends[:, 1]
    upper, lower = (np.where(falls[:, None], *pair) for pair in ((ends, begins), (begins, ends)))
    open_pieces: dict[tuple[float, float], _Piece] = {}
    for top, bottom in pairwise(cuts.tolist()):
        edges = np.flatnonzero((upper[:, 1] <= top) & (lower[:, 1] >= bottom))
        at_top, at_bottom = (_places(upper[edges], lower[edges], height) for height in (top, bottom))
        order = np.argsort(at_top + at_bottom, kind="stable")
        going_on: dict[tuple[float, float], _Piece] = {}
        for left, right in order.reshape(-1, 2):
            if at_top[right] - at_top[left] < SAME and at_bottom[right] - at_bottom[left] < SAME:
                continue
            key = (round(float(at_top[left]), 7), round(float(at_top[right]), 7))
            piece = open_pieces.pop(key, None) or _Piece(
                ([(float(at_top[left]), top)], [(float(at_top[right]), top)])
            )
            for side, edge in enumerate((left, right)):
                piece.grow(side, int(edges[edge]), (float(at_bottom[edge]), bottom))
            going_on[round(float(at_bottom[left]), 7), round(float(at_bottom[right]), 7)] = piece
        yield from open_pieces.values()
        open_pieces = going_on
    yield from open_pieces.values()


def _places(upper: Points, lower: Points, height: float) -> npt.NDArray[np.float64]:
    """Where edges cross a height, x in pixels; exactly their corners at their ends."""
    share = (height - upper[:, 1]) / (lower[:, 1] - upper[:, 1])
    across: npt.NDArray[np.float64] = np.where(
        share >= 1, lower[:, 0], upper[:, 0] + share * (lower[:, 0] - upper[:, 0])
    )
    return across
