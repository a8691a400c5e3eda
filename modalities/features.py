"""What a picture looks like, in numbers: its form, the directions of its edges, its grain and its colour.

All is measured on a small square copy, after its greys are stretched, so that size, brightness and contrast don't count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

GRAIN_SIDE, FORM_SIDE, TILES, CELLS = 128, 64, 16, 4
"""Pixels on a side of the copies in which grain and form are measured; tiles of light and cells of edges on a side."""
DIRECTIONS = 6
"""Of edges, over half a turn: an even number, so that a quarter turn is a whole number of them."""
MOST_SIDE = 2 * GRAIN_SIDE
"""Of larger pictures, pixels are left out first: to add all of them up would take ten times as long."""
FINE_BLURS, EDGE_BLURS, COARSE_BLUR = (1.0, 1.5), (0.75, 2.0), 5.0
"""Standard deviations in pixels, the first of the larger copy. Grain is what is lost from each blur to the next."""
LEAST_CONTRAST = 8
"""Grey levels, so that the noise of a flat picture is not stretched to a picture."""
ENDS = (0.01, 0.99)
"""Shares of the pixels that are black and white at most: what is darker and brighter is cut off."""


@dataclass(frozen=True)
class Features:
    """A picture in numbers: `tiles` (TILES, TILES), `edges` (blurs, CELLS, CELLS, DIRECTIONS), `grain` (5)."""

    tiles: Floats
    edges: Floats
    grain: Floats
    """Of four sizes, and the colour."""

    @property
    def form(self) -> Floats:
        """Tiles and edges in a row."""
        return np.concatenate([self.tiles.ravel(), self.edges.ravel()])

    def poses(self) -> Iterator[Floats]:
        """The form of the picture as it would be turned by quarters, and inverted: the one as it is comes first."""
        for turn in range(4):
            tiles = np.rot90(self.tiles, turn)
            edges = np.roll(np.rot90(self.edges, turn, axes=(1, 2)), turn * DIRECTIONS // 2, axis=3)
            for light in (tiles, -tiles):
                yield np.concatenate([light.ravel(), edges.ravel()])


def features(pixels: npt.NDArray[np.uint8]) -> Features:
    """Measure a picture: grey (height, width) or RGB (height, width, 3)."""
    if pixels.ndim == 3 and pixels.strides[2] == 0:  # grey, made by `imaging.pixels.grey_to_rgb`
        pixels = pixels[:, :, 0]
    height, width = pixels.shape[:2]
    few = pixels[:: max(height // MOST_SIDE, 1), :: max(width // MOST_SIDE, 1)]
    small = cv2.resize(np.ascontiguousarray(few), (GRAIN_SIDE, GRAIN_SIDE), interpolation=cv2.INTER_AREA)
    grey = _stretched(small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    form = np.asarray(cv2.resize(grey, (FORM_SIDE, FORM_SIDE), interpolation=cv2.INTER_AREA), np.float32)
    blurred = [_blurred(form, blur) for blur in EDGE_BLURS]
    lost = [
        *_lost([grey, *(_blurred(grey, blur) for blur in FINE_BLURS)]),
        *_lost([*blurred, _blurred(form, COARSE_BLUR)]),
    ]
    return Features(
        tiles=_tiles(form),
        edges=np.stack([_edges(each) for each in blurred]),
        grain=np.array([*(0.25 * np.log(np.array(lost) + 1e-3)), 3 * _colour(small)], np.float32),
    )


def _blurred(grey: Floats, blur: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), blur), np.float32)


def _lost(blurred: Sequence[Floats]) -> list[float]:
    """The mean difference from each to the next."""
    return [float(cv2.absdiff(fine, coarse).mean()) for fine, coarse in pairwise(blurred)]


def _stretched(grey: npt.NDArray[Any]) -> Floats:
    """Greys from 0 (black) to 1."""
    reached = np.bincount(grey.ravel(), minlength=256).cumsum() / grey.size
    black, white = (int(np.searchsorted(reached, share)) for share in ENDS)
    levels = np.clip((np.arange(256) - black) / max(white - black, LEAST_CONTRAST), 0, 1)
    return np.asarray(levels.astype(np.float32)[grey])


def _tiles(form: Floats) -> Floats:
    """How bright each tile is, beside the mean of all, with a length of about 1."""
    light = cv2.resize(form, (TILES, TILES), interpolation=cv2.INTER_AREA)
    light = light - light.mean()
    return np.asarray(light / (np.linalg.norm(light) + 0.2), np.float32)


def _edges(form: Floats) -> Floats:
    """How much of all edges lies in each cell and direction, as square roots."""
    across, down = cv2.Sobel(form, cv2.CV_32F, 1, 0), cv2.Sobel(form, cv2.CV_32F, 0, 1)
    strength, turn = cv2.cartToPolar(across, down)
    direction = np.rint(turn * (DIRECTIONS / np.pi)).astype(np.int64) % DIRECTIONS
    place = np.arange(FORM_SIDE) * CELLS // FORM_SIDE
    cell = place[:, None] * CELLS + place[None]
    sums = np.bincount(
        (cell * DIRECTIONS + direction).ravel(), strength.ravel(), minlength=CELLS * CELLS * DIRECTIONS
    )
    shares = np.sqrt(sums / (sums.sum() + 1e-3)).reshape(CELLS, CELLS, DIRECTIONS)
    return np.asarray(shares, np.float32)


def _colour(small: npt.NDArray[Any]) -> float:
    """Mean distance between the highest and the lowest channel, from 0 to 1."""
    if small.ndim == 2:
        return 0.0
    red, green, blue = cv2.split(small)
    highest, lowest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return float(cv2.subtract(highest, lowest).mean()) / 255
