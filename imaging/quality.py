"""Whether an image is fit to be read: it has to look like its kind of picture and show something.

The measures are simple on purpose, and the same for all kinds of pictures. Which of them count, and their limits, are
given: a model's card has those of its own kind. Without them `BSCANS` counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypedDict

import cv2
import numpy as np
import numpy.typing as npt

from imaging.pixels import Rgb

LOOKED_AT_SIDE = 512
"""Pixels of the longer side at which the measures are taken, so that they mean the same for any device."""
EDGE_BLUR = 3.0
"""Standard deviation in pixels, so that speckle is not taken for edges."""
MOST_GREY = 255
LONGEST_NAME = 60


@dataclass(frozen=True)
class QualityLimits:
    """What a picture of one kind has to keep to; a limit that is None does not count.

    `picture` and `pictures` are the words for one such picture, with its article, and for several. Grey levels are 0 to
    255, sides are pixels, all else are shares and ratios.
    """

    picture: str
    pictures: str
    least_side: int | None = None
    """Pixels of the shorter side."""
    darkest_white: float | None = None
    """Least grey level of the brightest hundredth."""
    brightest_median: float | None = None
    """Highest median grey level, for pictures with a dark background."""
    least_contrast: float | None = None
    """Least distance of grey levels between the darkest and the brightest hundredth."""
    most_colour: float | None = None
    """Highest mean distance between the colour channels, for pictures that are grey."""
    least_sharpness: float | None = None
    """Least ratio of fine detail to contrast."""
    least_layered: float | None = None
    """Least share of horizontal edges among all (0 to 1), for pictures of layers. Noise has no direction: 0.5."""

    def __post_init__(self) -> None:
        """Raise ValueError, with the name of the field, for what can't be a limit."""
        for name in ("picture", "pictures"):
            text = getattr(self, name)
            if not (text.strip() and text.isprintable() and len(text) <= LONGEST_NAME):
                raise ValueError(f"{name} must be one line of up to {LONGEST_NAME} letters")
        for name in ("darkest_white", "brightest_median", "least_contrast", "most_colour"):
            self._check(name, MOST_GREY)
        self._check("least_layered", 1)
        for name in ("least_side", "least_sharpness"):
            self._check(name, None)

    def _check(self, name: str, most: float | None) -> None:
        value = getattr(self, name)
        if value is not None and (value < 0 or most is not None and value > most):
            bound = "0 or greater" if most is None else f"from 0 to {most}"
            raise ValueError(f"{name} must be {bound}, not {value:g}")


BSCANS = QualityLimits(
    picture="an OCT B-scan",
    pictures="OCT B-scans",
    least_side=100,
    darkest_white=60,
    brightest_median=180,
    least_contrast=60,
    most_colour=10.0,
    least_sharpness=0.1,
    least_layered=0.51,
)
"""Limits set against 2,900 B-scans of OCTDL and Kermany et al., so that hardly any real scan is refused.

The most extreme values of those scans: a side of 127 pixels, where retinal layers are a few pixels thin; 101 for the
brightest hundredth; a median of 116, as vitreous and the depth of the choroid are dark; a contrast of 100; a colour of
0.05; a sharpness of 0.20, which is 0.04 after a Gaussian blur of 4 pixels; layers of 0.517, where fundus photos have 0.5.
"""
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


def quality(pixels: Rgb, limits: QualityLimits | None = None) -> Quality:
    """Judge a uint8 RGB image (height, width, 3) by the limits of its kind; None: by those of B-scans."""
    small = _small(pixels)
    measures = _measures(small)
    reasons = list(_reasons(pixels, small, measures, limits or BSCANS))
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


def _reasons(pixels: Rgb, small: Rgb, measures: Measures, limits: QualityLimits) -> Iterator[str]:
    height, width = pixels.shape[:2]
    if _below(min(height, width), limits.least_side):
        yield f"The image is too small: {width} × {height} pixels, and each side should have {limits.least_side}."
    if limits.most_colour is not None and _colour(small) > limits.most_colour:
        yield f"The image is coloured; {limits.pictures} are grey."
    if _below(measures["white"], limits.darkest_white):
        yield "The image is too dark."
    if limits.brightest_median is not None and measures["median"] > limits.brightest_median:
        yield f"The image is mostly bright; the background of {limits.picture} is dark."
    if _below(measures["white"] - measures["black"], limits.least_contrast):
        yield "The image has too little contrast."
        return
    if _below(measures["sharpness"], limits.least_sharpness):
        yield "The image is blurred."
    if _below(measures["layered"], limits.least_layered):
        yield f"The image shows no horizontal layers as {limits.picture} does."


def _below(value: float, limit: float | None) -> bool:
    """Whether a value misses a limit that counts."""
    return limit is not None and value < limit


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
