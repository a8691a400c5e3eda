"""Where B-scans lie on the en-face image of their volume, and how far apart everything is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PARALLEL_DEGREES = 3.0
MIDDLE_SHARE = 0.05
"""How far apart the middles of lines through one point may be, as a share of their length."""
PATTERNS = ("raster", "line", "radial", "circle", "cross")
"""Parallel B-scans; a single one, or one over another; through one point; around the disc; two that cross."""


@dataclass(frozen=True)
class Place:
    """The line of a B-scan on the en-face image: its first column's end and its last column's end.

    In pixels of the en-face image, from its upper left corner; the middle of the first pixel is 0.5, 0.5.
    """

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Spacing:
    """Micrometres from a pixel to the next, and from a B-scan to the next; None where the file doesn't say it."""

    x: float | None = None
    """Along a B-scan."""
    z: float | None = None
    """In depth."""
    between: float | None = None
    """From a B-scan to the next; None for a single one and for a pattern that is no raster."""


SMALLEST_UM, LARGEST_UM = 0.1, 10_000.0
"""What can lie between pixels or B-scans of an eye; a file that says otherwise is not believed."""
DIGITS = 9
SAME = 0.001
"""By what share lengths may differ that are one length, rounded in different ways."""


def plausible_um(micrometres: float) -> float | None:
    """The length, unless nothing in an eye is as long or short."""
    # 0.01147 mm are 11.47 µm, and not the 11.469999999999999 that a computer makes of them.
    return round(micrometres, DIGITS) if SMALLEST_UM <= micrometres <= LARGEST_UM else None


def agreed(lengths: Sequence[float | None]) -> float | None:
    """The one length that all are; None where they contradict each other, or one is not known."""
    known = [length for length in lengths if length is not None]
    if not known or len(known) < len(lengths) or max(known) - min(known) > SAME * max(known):
        return None
    return known[0]


def pattern_of(places: Sequence[Place | None]) -> str:
    """How B-scans lie by their lines: one of `PATTERNS`, "" for another one or where lines are not known."""
    lines = [place for place in places if place is not None]
    if not lines or len(lines) < len(places):
        return ""
    points = np.array([[place.x0, place.y0, place.x1, place.y1] for place in lines])
    along = points[:, 2:] - points[:, :2]
    lengths = np.hypot(*along.T)
    if (lengths < 1).all():
        return "circle"
    if (lengths < 1).any():
        return ""
    angles = np.degrees(np.arctan2(along[:, 1], along[:, 0]))
    turned = np.abs((angles - angles[0] + 90) % 180 - 90)
    middles = (points[:, 2:] + points[:, :2]) / 2
    spread = np.hypot(*(middles - middles[0]).T).max()
    if (turned < PARALLEL_DEGREES).all():
        return "line" if spread < 1 else "raster"
    if spread > MIDDLE_SHARE * lengths.max():
        return ""
    return "cross" if len(lines) == 2 and turned.max() > 80 else "radial"
