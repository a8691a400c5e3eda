"""The outlines of findings, traced from the model's map of findings."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from webapp.annotations.geometry import Points

# Of 255, at which an enlarged cell begins.
HALF = 128
SIDE = 512
"""The most pixels a side at which outlines are traced; the map behind them has some 56 × 56 cells."""


def outlines(content: bytes, kinds: Sequence[str], width: int, height: int) -> dict[str, list[Points]]:
    """The closed outlines of each kind, those of holes included, in pixels of an image of `width` × `height`.

    `content` is the map, a grey PNG of the whole image: 0 for nothing, n for the n-th of the kinds. Raises ValueError
    when it can't be read.
    """
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    if values is None:
        raise ValueError("the stored map of findings can't be read")
    return {kind: _around(values == number, width, height) for number, kind in enumerate(kinds, start=1)}


def _around(cells: npt.NDArray[np.bool_], width: int, height: int) -> list[Points]:
    if not cells.any():
        return []
    size = (min(width, SIDE), min(height, SIDE))
    # Enlarged linearly, as heat maps are, so that edges run smoothly between cells.
    enlarged = cv2.resize(cells.astype(np.uint8) * 255, size, interpolation=cv2.INTER_LINEAR)
    found, _ = cv2.findContours((enlarged >= HALF).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1)
    scale = np.array([width / size[0], height / size[1]])
    # A pixel's index is that of its corner, and contours run through the middles of pixels.
    return [(contour[:, 0] + 0.5) * scale for contour in found if len(contour) > 2]
