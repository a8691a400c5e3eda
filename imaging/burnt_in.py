"""Whether a picture may hold text that somebody has written into its pixels, such as a name or a date.

A rule, not a network: writing is several small shapes side by side, of one height, on one line and in one tone, and around
them is one other tone. Tissue and noise have small bright shapes, too, but with all tones between.
docs/security.md says how often the rule is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imaging.pixels import Rgb

STROKES = (9, 21)
"""No stroke of a letter is as wide, in pixels; what is as wide is ground. Small and large letters are looked for apart."""
CONTRASTS = (100, 40)
"""By how many greys a letter stands out from its ground, at least: white upon noise, and whatever upon a calm ground."""
HEIGHTS = ((5, 20), (14, 64))
"""Of letters, for each of the strokes."""
MOST_SIDE = 1_400
"""A larger picture is looked at in a smaller one: its letters are larger, too."""
LEAST_FILLED, WIDEST = 0.12, 7.0
"""Share of its box that a letter fills; how much longer than high letters that touch each other may be."""
LETTERS, SINGLE, NARROW = 4, 3, 1.6
"""How many a line has, and how many of them stand by themselves: no wider than so many times their height."""
GAP, OVERLAP = 0.9, 0.6
"""Between letters at most, by their height; how much of the lower one's height is beside the other one."""
SAME_HEIGHT, QUANTILES = 0.3, (0.5, 0.75, 0.9)
"""By what share letters may differ from their usual height, which is looked for here among those of a line's shapes: noise
may be among them."""
TWO_TONES, TWO_TONES_OF_DARK, APART = 0.8, 0.86, 70
"""How much of the variance in a line's box two tones explain, from 0 to 1, and how many greys are between them. Of dark
letters more: they are printed black on white, and speckle has dark gaps in rows.
"""
LEAST_INK, MOST_INK = 0.06, 0.55
"""Share of a line's box that is of the letters' tone."""
MARGIN = 2
MOST_SHAPES = 3_000
"""With more shapes that could be letters, they are noise: no line of text has so many."""

Plane = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Shapes:
    """Small shapes by their left ends: left, top, right and bottom (int), an entry for each."""

    left: npt.NDArray[np.int32]
    top: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    bottom: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.left)

    @property
    def height(self) -> npt.NDArray[np.int32]:
        """Of each, in pixels."""
        return self.bottom - self.top


def may_hold_text(pixels: Rgb) -> bool:
    """Whether there may be a line of text in a picture (height, width, 3). Takes some hundredths of a second."""
    return any(_has_line(plane) for plane in _planes(_smaller(pixels)))


def _smaller(pixels: Rgb) -> Rgb:
    height, width = pixels.shape[:2]
    factor = MOST_SIDE / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA), np.uint8)


def _planes(pixels: Rgb) -> list[Plane]:
    """What letters stand out in: brightness, and how colourful a picture is that isn't grey."""
    if pixels.strides[2] == 0:
        return [np.ascontiguousarray(pixels[:, :, 0])]
    greatest, least = pixels.max(axis=2), pixels.min(axis=2)
    colour = greatest - least
    return [greatest] if colour.max() < min(CONTRASTS) else [greatest, colour]


def _has_line(plane: Plane) -> bool:
    for stroke, heights in zip(STROKES, HEIGHTS, strict=True):
        ground = cv2.getStructuringElement(cv2.MORPH_RECT, (stroke, stroke))
        for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
            stands_out = cv2.morphologyEx(plane, kind, ground)
            for contrast in CONTRASTS:
                shapes = _shapes(stands_out >= contrast, heights)
                if len(shapes) <= MOST_SHAPES and any(
                    _is_text(plane, shapes, line, kind == cv2.MORPH_TOPHAT) for line in _lines(shapes)
                ):
                    return True
    return False


def _shapes(stands_out: npt.NDArray[np.bool_], heights: tuple[int, int]) -> Shapes:
    _, _, facts, _ = cv2.connectedComponentsWithStats(stands_out.astype(np.uint8), connectivity=8)
    left, top, width, height, area = facts[1:].T  # without the ground
    chosen = (
        (height >= heights[0])
        & (height <= heights[1])
        & (width <= WIDEST * height)
        & (area >= LEAST_FILLED * width * height)
    )
    kept = np.flatnonzero(chosen)
    kept = kept[np.argsort(left[kept], kind="stable")]
    return Shapes(left[kept], top[kept], left[kept] + width[kept], top[kept] + height[kept])


def _lines(shapes: Shapes) -> list[npt.NDArray[np.int64]]:
    """The shapes that stand side by side, each group from the left to the right."""
    group = np.arange(len(shapes))
    height = shapes.height
    highest = int(height.max(initial=0))
    ends = np.searchsorted(shapes.left, shapes.right + GAP * highest, side="right")
    for own in range(len(shapes)):
        others = np.arange(own + 1, ends[own])
        beside = np.minimum(shapes.bottom[own], shapes.bottom[others]) - np.maximum(
            shapes.top[own], shapes.top[others]
        )
        near = shapes.left[others] - shapes.right[own] <= GAP * np.maximum(height[own], height[others])
        lower = np.minimum(height[own], height[others])
        alike = np.maximum(height[own], height[others]) <= 2.2 * lower
        for other in others[near & alike & (beside >= OVERLAP * lower)]:
            if group[other] != group[own]:
                group[group == group[other]] = group[own]
    return [np.flatnonzero(group == one) for one in np.flatnonzero(np.bincount(group, minlength=1) >= 2)]


def _is_text(plane: Plane, shapes: Shapes, line: npt.NDArray[np.int64], is_bright: bool) -> bool:
    """Whether shapes side by side hold enough letters of one height, in one tone upon another."""
    heights = shapes.height[line]
    for usual in np.unique(np.quantile(heights, QUANTILES, method="nearest")):
        alike = line[np.abs(heights - usual) <= max(1.0, SAME_HEIGHT * usual)]
        bottom = np.median(shapes.bottom[alike])
        letters = alike[np.abs(shapes.bottom[alike] - bottom) <= max(2.0, SAME_HEIGHT * usual)]
        width = (shapes.right - shapes.left)[letters]
        # Letters that touch are one shape; layers of tissue are few and long ones.
        if np.maximum(1, np.rint(width / usual)).sum() < LETTERS or (width <= NARROW * usual).sum() < SINGLE:
            continue
        if _is_written(plane, shapes, letters, is_bright):
            return True
    return False


def _is_written(plane: Plane, shapes: Shapes, letters: npt.NDArray[np.int64], is_bright: bool) -> bool:
    rows = slice(max(0, shapes.top[letters].min() - MARGIN), shapes.bottom[letters].max() + MARGIN)
    columns = slice(max(0, shapes.left[letters].min() - MARGIN), shapes.right[letters].max() + MARGIN)
    explained, apart, ink = _two_tones(plane[rows, columns])
    ink = ink if is_bright else 1 - ink
    least = TWO_TONES if is_bright else TWO_TONES_OF_DARK
    return explained >= least and apart >= APART and LEAST_INK <= ink <= MOST_INK


def _two_tones(box: Plane) -> tuple[float, float, float]:
    """How much of a box's variance two tones explain at best (Otsu), how far they are apart, and the brighter one's share."""
    counts = np.bincount(box.ravel(), minlength=256).astype(np.float64) / box.size
    levels = np.arange(256)
    below = np.cumsum(counts)[:-1]
    mean = float((counts * levels).sum())
    total = float((counts * (levels - mean) ** 2).sum())
    below_sum = np.cumsum(counts * levels)[:-1]
    is_split = (below > 0) & (below < 1 - 1e-9)
    if total == 0 or not is_split.any():
        return 0.0, 0.0, 0.0
    shares, sums = below[is_split], below_sum[is_split]
    dark, bright = sums / shares, (mean - sums) / (1 - shares)
    between = shares * (1 - shares) * (bright - dark) ** 2
    best = int(np.argmax(between))
    return float(between[best]) / total, float(bright[best] - dark[best]), float(1 - shares[best])
