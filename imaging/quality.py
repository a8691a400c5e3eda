"""Whether an image is fit to be read: it has to look like an OCT B-scan and show something.

The measures are simple on purpose. Their limits were set against 2,900 B-scans of OCTDL and Kermany et al., so that
hardly any real scan is refused. The most extreme value of those scans stands beside each limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

import cv2
import numpy as np
import numpy.typing as npt

from imaging.pixels import Rgb

MIN_DETAIL_SIDE = 100
"""Pixels; retinal layers are a few pixels thin at twice this size (127 and more)."""
LOOKED_AT_SIDE = 512
"""Pixels of the longer side at which the measures are taken, so that they mean the same for any device."""
DARKEST_WHITE = 60
"""Least grey level of the brightest hundredth (real scans: 101 and more)."""
MIN_CONTRAST = 60
"""Least distance of grey levels between the darkest and the brightest hundredth (100 and more)."""
BRIGHTEST_MEDIAN = 180
"""Highest median grey level (116 at most): vitreous and the depth of the choroid are dark."""
MAX_COLOUR = 10.0
"""Highest mean distance between the colour channels (0.05 at most); B-scans are grey."""
MIN_LAYERED = 0.51
"""Least share of horizontal edges among all (0.517 and more). Noise and fundus photos have no direction: 0.5."""
MIN_SHARPNESS = 0.1
"""Least ratio of fine detail to contrast (0.20 and more; 0.04 after a Gaussian blur of 4 pixels)."""
EDGE_BLUR = 3.0
"""Standard deviation in pixels, so that speckle is not taken for edges."""
DIGITS = 6


class Measures(TypedDict):
    """What the judgement rests on, for comparing the images of one time with those of another.

    `black`, `median` and `white` are the grey levels (0 to 255) that 1, 50 and 99 % of the pixels don't exceed.
    `sharpness` is the ratio of fine detail to contrast, `layered` the share of horizontal edges among all (0 to 1).
    """

    black: float
    median: float
    white: float
    sharpness: float
    layered: float


class Quality(TypedDict):
    """Whether the image is fit to be read, the reasons if not, as sentences, and what was measured."""

    acceptable: bool
    reasons: list[str]
    measures: Measures


def quality(pixels: Rgb) -> Quality:
    """Judge a uint8 RGB image (height, width, 3)."""
    small = _small(pixels)
    measures = _measures(small)
    reasons = list(_reasons(pixels, small, measures))
    return Quality(acceptable=not reasons, reasons=reasons, measures=measures)


def _small(pixels: Rgb) -> Rgb:
    height, width = pixels.shape[:2]
    shrink = min(1.0, LOOKED_AT_SIDE / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _measures(small: Rgb) -> Measures:
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    black, median, white = _percentiles(grey, (0.01, 0.5, 0.99))
    contrast = float(grey.std())
    return Measures(
        black=black,
        median=median,
        white=white,
        sharpness=round(float(cv2.Laplacian(grey, cv2.CV_32F).std()) / contrast, DIGITS) if contrast else 0.0,
        layered=round(_layered(grey), DIGITS),
    )


def _reasons(pixels: Rgb, small: Rgb, measures: Measures) -> Iterator[str]:
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_DETAIL_SIDE:
        yield f"The image is too small: {width} × {height} pixels, and each side should have {MIN_DETAIL_SIDE}."
    if _colour(small) > MAX_COLOUR:
        yield "The image is coloured; OCT B-scans are grey."
    if measures["white"] < DARKEST_WHITE:
        yield "The image is too dark."
    if measures["median"] > BRIGHTEST_MEDIAN:
        yield "The image is mostly bright; the background of an OCT B-scan is dark."
    if measures["white"] - measures["black"] < MIN_CONTRAST:
        yield "The image has too little contrast."
        return
    if measures["sharpness"] < MIN_SHARPNESS:
        yield "The image is blurred."
    if measures["layered"] < MIN_LAYERED:
        yield "The image shows no horizontal layers as an OCT B-scan does."


def _colour(pixels: npt.NDArray[Any]) -> float:
    """Mean distance between the highest and the lowest channel."""
    red, green, blue = cv2.split(pixels)
    highest, lowest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return float(cv2.subtract(highest, lowest).mean())


def _percentiles(grey: npt.NDArray[Any], shares: tuple[float, ...]) -> list[int]:
    """The grey levels that these shares of the pixels don't exceed."""
    reached = np.bincount(grey.ravel(), minlength=256).cumsum()
    return [int(np.searchsorted(reached, share * grey.size)) for share in shares]


def _layered(grey: npt.NDArray[Any]) -> float:
    """Share of the vertical gradient, which horizontal layers cause, in the whole gradient (0 to 1)."""
    smooth = cv2.GaussianBlur(grey, (0, 0), EDGE_BLUR)
    across = float(np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)).sum())
    down = float(np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1)).sum())
    return down / ((across + down) or 1.0)
