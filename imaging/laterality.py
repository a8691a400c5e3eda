"""Which eye an en-face image shows, by the side on which its optic disc lies: a hint that asks people, and silent when unsure.

Two signs have to agree: beside the middle there is a spot of the disc's size that is brighter than what is around it, more so
than any on the other side or in the middle; and the wide vessels lie on that side. The numbers were set on simulated images;
docs/volumes.md says how often it is right.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.volume import ExaminedVolume

Floats = npt.NDArray[np.float32]

DISC_UM, FROM_MIDDLE_UM = 850.0, 2500.0
"""A disc's radius, and how far its middle is from that of an image about the fovea, at least."""
LEAST_FIELD_UM, MOST_FIELD_UM = 7_000.0, 14_000.0
"""What an image shows across: less does not reach the disc, and of more the fovea need not be the middle."""
FINE_UM, COARSE_UM = 20.0, 60.0
"""To what pixels are reduced, for vessels and for the disc."""
AROUND_UM, VESSEL_UM = 2_000.0, 250.0
"""How far the light around a place reaches, and what is wider than any vessel."""
LEAST_BRIGHTER, LEAST_WIDER = 0.06, 0.25
"""By how much a side has to win: in shares of the light around it, and of the vessels of both sides."""
DARK_ENOUGH = 0.06
"""Of a vessel: what is less is grain."""
RIGHT, LEFT = "OD", "OS"
"""Seen from the front the disc of a right eye is to the right."""
PATTERNS = ("", "raster", "line")


def eye_of(examined: ExaminedVolume, enface: npt.NDArray[Any]) -> str:
    """The eye (OD, OS) that the en-face image of a volume suggests; "" when unsure, or where its scale isn't known."""
    lengths = [
        float(np.hypot(place.x1 - place.x0, place.y1 - place.y0)) for place in examined.places if place
    ]
    if not lengths or not examined.spacing.x or examined.pattern not in PATTERNS or min(lengths) <= 0:
        return ""
    return suggested(enface, examined.spacing.x * examined.width / float(np.median(lengths)))


def suggested(enface: npt.NDArray[Any], micrometres: float) -> str:
    """The same for an image, grey or in colours, of pixels of that size."""
    if not all(LEAST_FIELD_UM <= side * micrometres <= MOST_FIELD_UM for side in enface.shape[:2]):
        return ""
    grey = enface if enface.ndim == 2 else enface.mean(2)
    brighter = _brighter(_reduced(grey, micrometres, COARSE_UM))
    wider = _wider(_reduced(grey, micrometres, FINE_UM))
    if abs(brighter) < LEAST_BRIGHTER or abs(wider) < LEAST_WIDER or brighter * wider < 0:
        return ""
    return RIGHT if brighter > 0 else LEFT


def _reduced(grey: npt.NDArray[Any], micrometres: float, to_um: float) -> Floats:
    """In pixels of that size, as shares of the light around each."""
    height, width = (max(round(side * micrometres / to_um), 1) for side in grey.shape)
    small = cv2.resize(grey.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    spread = 2 * round(AROUND_UM / to_um) + 1
    return np.asarray(small / (cv2.blur(small, (spread, spread)) + 1), np.float32)


def _brighter(light: Floats) -> float:
    """How much brighter the right side's spot is than the left one's, negative for the left; 0 if the middle's is brightest."""
    radius = round(DISC_UM / COARSE_UM)
    spot, around = _round(radius), _round(2 * radius)
    border = 2 * radius
    wide = cv2.copyMakeBorder(light, border, border, border, border, cv2.BORDER_REFLECT)
    excess = cv2.filter2D(wide, -1, spot) - cv2.filter2D(wide, -1, around)
    excess = excess[border:-border, border:-border]
    height, width = excess.shape
    excess = excess[height // 4 : max(3 * height // 4, height // 4 + 1)]
    aside = round(FROM_MIDDLE_UM / COARSE_UM)
    sides = excess[:, : width // 2 - aside], excess[:, width // 2 + aside :]
    if not all(side.size for side in sides):
        return 0.0
    left, right = (float(side.max()) for side in sides)
    middle = float(excess[:, width // 2 - aside : width // 2 + aside].max())
    return 0.0 if middle >= max(left, right) else right - left


def _wider(light: Floats) -> float:
    """Which outer quarter has more of the wide vessels: from -1, all on the left, to 1."""
    side = 2 * round(VESSEL_UM / FINE_UM) + 1
    dark = cv2.morphologyEx(
        cv2.GaussianBlur(light, (0, 0), 60 / FINE_UM),
        cv2.MORPH_BLACKHAT,
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)),
    )
    quarter = max(dark.shape[1] // 4, 1)
    left, right = (
        float(np.clip(side - DARK_ENOUGH, 0, None).mean()) for side in (dark[:, :quarter], dark[:, -quarter:])
    )
    return (right - left) / (right + left) if right + left else 0.0


def _round(radius: int) -> Floats:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)
    return np.asarray(kernel / kernel.sum(), np.float32)
