"""Heat maps: enlarged from a grid of cells to the pixels of an image, and encoded."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from imaging.png import encode_png

Heat = npt.NDArray[np.uint8]
"""A heat map (height, width): 0 is the coldest spot of the image and 255 the hottest."""


def enlarged(cells: Heat, width: int, height: int) -> Heat:
    """The heat map of an image of `width` × `height` pixels from a grid of cells (rows, columns) that covers it.

    Whoever has the cells gets the same pixels by this function: it is the only one that enlarges heat maps.
    """
    return np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def encode_heat(heat: Heat) -> bytes:
    """The heat map as an 8-bit grey PNG, which takes a small fraction of its size."""
    return encode_png(heat)
