"""Draws a heat map over a B-scan, and encodes pictures no larger than an answer may be."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.heat import Heat
from imaging.pixels import Rgb, strips
from imaging.png import encode_png

MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg"}
MAX_PNG_PIXELS = 4_000_000
"""Larger overlays are JPEG even when PNG was asked for: as PNG, speckle of 40 megapixels would be 120 MB."""
MAX_OVERLAY_BYTES = 16 * 2**20
"""With this, even in base64 and with the heat map, an answer stays far below TorchServe's limit. A worker that exceeds
that limit is killed."""
JPEG_QUALITIES = (90, 60, 30, 10, 1)
"""Tried in this order until the picture is small enough."""
OPACITY = 0.55
"""Of the hottest spot's colour. Cold parts stay as they are, so that the scan can be read."""
COLOUR_MAP = cv2.COLORMAP_INFERNO
"""The one colour map for heat, on the page too. Its brightness rises evenly (https://bids.github.io/colormap/), so that
no step in colour looks like an edge."""
_HEATS = np.arange(256, dtype=np.uint8)[:, None]
_SHARES = np.arange(256, dtype=np.float32)[:, None] / 255 * OPACITY
COLOURS = cv2.applyColorMap(_HEATS, COLOUR_MAP)[:, 0, ::-1]
"""Red, green and blue by heat. The page's `canvas/heat.json` has the same values."""
# By heat: the colour already multiplied by its opacity, and the share (of 255) that the scan keeps.
_WEIGHTED = np.rint(COLOURS * _SHARES).astype(np.uint8)
_KEPT = np.rint((1 - _SHARES) * 255).astype(np.uint8)


def draw(pixels: Rgb, heat: Heat) -> Rgb:
    """Colour a B-scan, uint8 RGB (height, width, 3), by its heat map (height, width). Returns a new array."""
    drawn = np.empty(pixels.shape, np.uint8)
    # In strips, as the intermediate arrays of a whole large image would take several times its memory.
    for rows in strips(len(pixels)):
        kept = cv2.cvtColor(cv2.LUT(heat[rows], _KEPT), cv2.COLOR_GRAY2RGB)
        colour = cv2.LUT(cv2.cvtColor(heat[rows], cv2.COLOR_GRAY2RGB), _WEIGHTED[None])
        cv2.add(cv2.multiply(pixels[rows], kept, scale=1 / 255), colour, dst=drawn[rows])
    return drawn


def encode_overlay(drawn: Rgb, overlay_format: str) -> tuple[bytes, str]:
    """The picture's bytes and media type: "png" or "jpeg" as asked for, but JPEG when it is large."""
    if overlay_format == "png" and drawn.shape[0] * drawn.shape[1] <= MAX_PNG_PIXELS:
        return encode_png(drawn), MEDIA_TYPES["png"]
    bgr = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
    encoded = b""
    for quality in JPEG_QUALITIES:
        encoded = _encode_jpeg(bgr, quality)
        if len(encoded) <= MAX_OVERLAY_BYTES:
            break
    return encoded, MEDIA_TYPES["jpeg"]


def _encode_jpeg(bgr: npt.NDArray[Any], quality: int) -> bytes:
    """Encode channels in the order blue, green, red, as OpenCV takes them. Raises RuntimeError."""
    done, encoded = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        raise RuntimeError(f"OpenCV can't encode a picture of shape {bgr.shape} as JPEG")
    return bytes(encoded)
