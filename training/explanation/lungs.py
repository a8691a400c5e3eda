"""Where the lungs lie in a chest X-ray, roughly: a stated, simple method to measure heat maps by, and no segmentation.

1. The picture is reduced, smoothed and brought to even local brightness.
2. What is darker than Otsu's threshold and does not lie outside the trunk (dark areas in the corners) is air.
3. In each half the largest piece of air near the middle of the height is a lung, filled to its convex hull, since
   pneumonia makes parts of a lung bright. A lung that is found on one side only is mirrored.
4. Where neither is found, two ellipses take their place.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.bool_]
Grey = npt.NDArray[np.uint8]

SIDE = 128
"""Pixels a side at which the lungs are looked for."""
RIM = 5
"""Outermost rows and columns that are looked at no further."""
CORNERS = (slice(RIM, RIM + 14), slice(-RIM - 14, -RIM))
"""Rows and columns of the corners, where no lung lies."""
LEAST, MOST = 0.025, 0.22
"""Least and largest share of the picture that a lung covers."""
CENTRE, RADII = (0.27, 0.47), (0.16, 0.31)
"""Of the ellipse on the left, across and down, as shares of the sides; the one on the right mirrors it."""
MIDDLE = (0.22, 0.75)
"""Where the centre of a lung lies, as shares of the height."""


def lung_mask(grey: Grey) -> Bits:
    """Whether each pixel of a picture (height, width) is lung, by the method of this module."""
    height, width = grey.shape
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    air = _air(np.asarray(small, np.uint8))
    left, right = _lung(air[:, : SIDE // 2]), _lung(air[:, : SIDE // 2 - 1 : -1])
    if left is None and right is None:
        left = right = _ellipse()
    half_left = left if left is not None else right
    half_right = right if right is not None else left
    assert half_left is not None
    assert half_right is not None
    both = np.concatenate([half_left, half_right[:, ::-1]], 1).astype(np.uint8)
    return np.asarray(cv2.resize(both, (width, height), interpolation=cv2.INTER_NEAREST), bool)


def _air(small: Grey) -> Bits:
    even = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(4, 4)).apply(cv2.GaussianBlur(small, (0, 0), 2))
    level, _ = cv2.threshold(even, 0, 255, cv2.THRESH_OTSU)
    dark = (even < level).astype(np.uint8)
    dark = np.asarray(cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), np.uint8)
    # Dark areas in the corners lie outside the trunk. A tight picture may cut lungs at its sides.
    dark[:, :RIM] = dark[:, -RIM:] = dark[:RIM] = dark[-RIM:] = 0
    _, pieces = cv2.connectedComponents(dark, connectivity=4)
    corners = np.concatenate([pieces[rows, columns].ravel() for rows in CORNERS for columns in CORNERS])
    return np.asarray((pieces > 0) & ~np.isin(pieces, np.unique(corners)))


def _lung(half: Bits) -> Bits | None:
    """The lung of a half (rows, columns) whose first column is the picture's border; None if there is none."""
    count, pieces, stats, centres = cv2.connectedComponentsWithStats(half.astype(np.uint8), connectivity=4)
    sizes = stats[:, cv2.CC_STAT_AREA] / SIDE**2
    fits = [
        piece
        for piece in range(1, count)
        if LEAST <= sizes[piece] <= MOST and MIDDLE[0] <= centres[piece][1] / SIDE <= MIDDLE[1]
    ]
    if not fits:
        return None
    lung = np.ascontiguousarray(pieces == max(fits, key=lambda piece: sizes[piece]), np.uint8)
    outline, _ = cv2.findContours(lung, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.fillConvexPoly(lung, cv2.convexHull(np.concatenate(outline)), 1), bool)


def _ellipse() -> Bits:
    y, x = (np.mgrid[0:SIDE, 0 : SIDE // 2] + 0.5) / SIDE
    return np.asarray(((x - CENTRE[0]) / RADII[0]) ** 2 + ((y - CENTRE[1]) / RADII[1]) ** 2 < 1, bool)
