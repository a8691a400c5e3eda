"""The overlay, a scan with its heat map in colour, which is drawn from the two stored pictures on demand.

The model server draws the same picture, to the byte: code, pixels and heat map are the same.
"""

from __future__ import annotations

import contextlib

import cv2
import numpy as np
import numpy.typing as npt

from imaging.overlay import draw, encode_overlay
from webapp.scans import storage
from webapp.scans.answered import Answered

FORMAT = "jpeg"


def overlay(image_name: str, answer: Answered) -> bytes | None:
    """The overlay of an answer on the stored image of that name: the one that an earlier version stored, else a JPEG.

    None for an answer without a heat map. Raises FileNotFoundError when a picture is gone, ValueError when one can't be
    read. The caller holds the room that drawing a large picture takes (`room.taken_for`).
    """
    if answer.stored_overlay:
        with contextlib.suppress(FileNotFoundError):  # it can be drawn
            return storage.read(answer.stored_overlay)
    return drawn(image_name, answer.heatmap_name) if answer.heatmap_name else None


def drawn(image_name: str, heatmap_name: str) -> bytes:
    """The heat map drawn on the image, as JPEG; raises as `overlay` does."""
    coloured = _drawn(_pixels(image_name, cv2.IMREAD_COLOR_RGB), _pixels(heatmap_name, cv2.IMREAD_GRAYSCALE))
    return encode_overlay(coloured, FORMAT)[0]


def _drawn(pixels: npt.NDArray[np.uint8], heat: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if pixels.shape[:2] != heat.shape:
        raise ValueError(f"a heat map of shape {heat.shape} does not fit a picture of shape {pixels.shape}")
    return draw(pixels, heat)


def _pixels(name: str, flags: int) -> npt.NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(storage.read(name), np.uint8), flags)
    if pixels is None:
        raise ValueError(f"the stored picture {name} can't be read")
    return np.asarray(pixels, dtype=np.uint8)
