"""The outlines of what a model thinks it sees, from the map of its findings."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from webapp.annotations.geometry import Points

HALF = 128
SIDE = 512
"""Most pixels a side at which outlines are traced: the map behind them has some 56 × 56 cells."""


def outlines(content: bytes, kinds: Sequence[str], width: int, height: int) -> dict[str, list[Points]]:
    """By kind, closed outlines in pixels of a picture of `width` × `height`; those of holes are among them.

    `content` is the map, a grey picture of the whole image: 0 for nothing, n for the n-th of the kinds. Raises ValueError
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
    # Between cells the edge runs smoothly, as where heat is enlarged.
    enlarged = cv2.resize(cells.astype(np.uint8) * 255, size, interpolation=cv2.INTER_LINEAR)
    found, _ = cv2.findContours((enlarged >= HALF).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1)
    scale = np.array([width / size[0], height / size[1]])
    # A pixel's number is its corner's place; the outline runs through the pixels' middles.
    return [(contour[:, 0] + 0.5) * scale for contour in found if len(contour) > 2]
