"""Finds the retina's boundaries in a real scan, and the white corners around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.simulator.section import Floats

WHITE = 248
"""Grey value from which a pixel at the border counts as a corner that a rotation laid bare."""
STEEPEST = 2
"""Most rows that a boundary moves from one column to the next."""


@dataclass(frozen=True)
class Layers:
    """Rows of the inner limiting membrane and of the bright outer band, one for each column of a scan.

    `trusted` is False where the edges are faint, or lie where no retina's would.
    """

    inner: Floats
    outer: Floats
    trusted: bool


def find_layers(scan: npt.NDArray[np.uint8]) -> Layers:
    """The retina's inner and outer boundary in a grey scan, uint8 (height, width).

    They are the two paths from left to right along which the picture turns brightest from one row to the next.
    """
    height, width = scan.shape
    clean = scan.astype(np.float32)
    outside = corners(scan)
    top = slice(0, max(8, height // 12))
    vitreous = scan[top][~outside[top]]
    clean[outside] = np.median(vitreous) if len(vitreous) else 0
    smooth = np.asarray(cv2.GaussianBlur(clean, (0, 0), sigmaX=width / 90, sigmaY=height / 110), np.float32)
    step = max(2, height // 64)
    edge = np.zeros_like(smooth)
    edge[step:-step] = smooth[2 * step :] - smooth[: -2 * step]
    edge[cv2.dilate(outside.astype(np.uint8), np.ones((9, 9))) > 0] = 0
    edge[: height // 40] = 0
    edge[-height // 12 :] = 0
    first = best_path(edge)
    rows = np.arange(height)[:, None]
    gap = 0.055 * height
    rest = edge.copy()
    rest[np.abs(rows - first[None]) < gap] = -20
    second = best_path(rest)
    inner, outer = (first, second) if first.mean() < second.mean() else (second, first)
    inner = cv2.GaussianBlur(inner[None].astype(np.float32), (0, 0), width / 120)[0]
    outer = cv2.GaussianBlur(outer[None].astype(np.float32), (0, 0), width / 80)[0]
    thick = (outer - inner) / height
    columns = np.arange(width)
    strength = np.minimum(edge[inner.astype(int), columns], edge[outer.astype(int), columns])
    noise = max(4.0, float(np.percentile(smooth, 90) - np.percentile(smooth, 20)) * 0.12)
    trusted = bool(
        np.mean((thick > 0.05) & (thick < 0.42)) > 0.97
        and np.mean(strength > noise) > 0.8
        and inner.min() > 0.06 * height
        and outer.max() < 0.93 * height
    )
    return Layers(inner, outer, trusted)


def corners(scan: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """The white parts of a scan, uint8 (height, width), that touch its border: bool of the same shape."""
    white = cv2.morphologyEx((scan >= WHITE).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
    _, parts = cv2.connectedComponents(white)
    rim = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    at_border = np.isin(parts, rim[rim > 0])
    return cv2.dilate(at_border.astype(np.uint8), np.ones((3, 3))) > 0


def best_path(gain: Floats) -> Floats:
    """The path from left to right with the largest sum of gains (height, width): a row for each column (width)."""
    height, width = gain.shape
    total = gain[:, 0].copy()
    steps = np.zeros((height, width), np.int8)
    padded = np.empty(height + 2 * STEEPEST, np.float32)
    for column in range(1, width):
        padded[:] = -1e9
        padded[STEEPEST:-STEEPEST] = total
        choices = np.stack([padded[shift : shift + height] for shift in range(2 * STEEPEST + 1)])
        steps[:, column] = choices.argmax(0) - STEEPEST
        total = choices.max(0) + gain[:, column]
    path = np.empty(width, np.float32)
    row = int(total.argmax())
    for column in range(width - 1, -1, -1):
        path[column] = row
        row += int(steps[row, column])
    return path
