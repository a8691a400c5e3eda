"""From a Grad-CAM map of a few cells to a heat map in the image's own pixels, and to its hottest regions."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from handlers.answer import Region
from imaging.heat import Heat, enlarged

THRESHOLD = 128
"""Half of the highest heat. Lower thresholds, as for whole objects in photos, would mark half of a B-scan."""
MAX_REGIONS = 10
MIN_AREA = 0.001
"""Least share of the image that a region covers; smaller ones are artefacts of the threshold."""
CONTOUR_SIDE = 512
"""Most pixels a side of the map whose contours are traced. The Grad-CAM map has just some 7 × 7 cells."""
FINER = 4
"""New cells for each side of one that a part of a picture is laid out with."""
MOST_CELLS = 128
"""Of a side, for a picture that is many times as long as wide."""
CORNER_TOLERANCE = 0.005
"""Greatest distance of a polygon from the contour, as a share of the contour's length."""


def heat(cam: npt.NDArray[np.float32], width: int, height: int) -> Heat:
    """A Grad-CAM map (rows, columns) as a heat map of `width` × `height` pixels: its cells, enlarged bilinearly."""
    return enlarged(cells(cam), width, height)


def cells(cam: npt.NDArray[np.float32]) -> Heat:
    """A Grad-CAM map (rows, columns) as a heat map of as many cells, which `imaging.heat.enlarged` enlarges.

    It is scaled from lowest to highest as pytorch-grad-cam does. A map of equal values, as when nothing contributes to
    the label, is cold everywhere.
    """
    lowest, highest = float(cam.min()), float(cam.max())
    if not highest > lowest:
        return np.zeros(cam.shape, np.uint8)
    return np.asarray(np.rint((cam - lowest) * (255 / (highest - lowest))), np.uint8)


def over_picture(cells: Heat, part: tuple[int, int, int, int], width: int, height: int) -> Heat:
    """Cells that cover `part` (left, top, width, height) of a picture, as cells that cover all of it.

    They are finer, so that the hottest spots stay hot wherever they lie. What the network did not see is cold.
    """
    left, top, part_width, part_height = part
    if (part_width, part_height) == (width, height):
        return cells
    rows, columns = cells.shape
    across, down = part_width / columns, part_height / rows
    wide, high = (min(MOST_CELLS, max(1, round(FINER * share))) for share in (width / across, height / down))
    # The place of each new cell's middle, counted in the cells that there are.
    column = ((np.arange(wide) + 0.5) * width / wide - left) / across - 0.5
    row = ((np.arange(high) + 0.5) * height / high - top) / down - 0.5
    x, y = (np.asarray(grid, np.float32) for grid in np.meshgrid(column, row))
    spread = cv2.remap(cells, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    unseen = (x < -0.5) | (x > columns - 0.5) | (y < -0.5) | (y > rows - 0.5)
    seen = np.where(unseen, 0, spread).astype(np.float32)
    return np.asarray(np.rint(seen * (float(cells.max()) / max(float(seen.max()), 1))), np.uint8)


def regions(whole: Heat) -> list[Region]:
    """The regions whose heat reaches THRESHOLD, hottest first, with polygons and boxes in pixels of the image."""
    height, width = whole.shape
    small_width, small_height = min(width, CONTOUR_SIDE), min(height, CONTOUR_SIDE)
    small = cv2.resize(whole, (small_width, small_height), interpolation=cv2.INTER_AREA)
    hot = (small >= THRESHOLD).astype(np.uint8)
    contours, _ = cv2.findContours(hot, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    scale = np.array([width / small_width, height / small_height])
    hot_regions: list[Region] = []
    for contour in contours:
        outline = cv2.approxPolyDP(contour, CORNER_TOLERANCE * cv2.arcLength(contour, True), True)
        inside = np.zeros_like(hot)
        cv2.drawContours(inside, [contour], -1, 1, cv2.FILLED)
        inside &= hot
        if len(outline) < 3 or inside.sum() < MIN_AREA * hot.size:
            continue
        # A coordinate is the centre of its pixel, so the image is scaled about its corner, half a pixel away.
        corners = np.rint((outline[:, 0] + 0.5) * scale - 0.5).astype(int)
        corners = np.clip(corners, 0, [width - 1, height - 1])
        x, y, box_width, box_height = cv2.boundingRect(corners.astype(np.int32))
        score = float(small[inside == 1].mean()) / 255
        hot_regions.append(
            Region(box=[x, y, box_width, box_height], polygon=corners.tolist(), score=round(score, 4))
        )
    return sorted(hot_regions, key=lambda region: region["score"], reverse=True)[:MAX_REGIONS]
