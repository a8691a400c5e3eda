"""Metrics of heat maps. Maps are float32 (count, height, width), masks bool of the same shape."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

Maps = npt.NDArray[np.float32]
Masks = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

TOLERANCE = 15 / 224
"""Largest distance of a hit from the mask, as a share of the side: the 15 pixels of Zhang et al. at an input of 224."""
HOT = 0.5
"""Share of a map's maximum from which a pixel counts as marked, as in the model server's regions."""
CURVE_STEPS = 16
"""Steps of the curves of deletion and insertion."""
BLUR = 10 / 224
"""Standard deviation of the blur that insertion starts from, as a share of the side."""


def pointing_game(maps: Maps, masks: Masks, tolerance: float = TOLERANCE) -> Values:
    """1 where the map's maximum lies in the mask or within `tolerance` of it (a share of the side), else 0: (count,).

    J. Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016. A constant map gets 0.
    """
    reach = round(tolerance * maps.shape[2])
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    hits = []
    for heat, mask in zip(maps, masks, strict=True):
        near = cv2.dilate(mask.astype(np.uint8), kernel) > 0
        row, column = np.unravel_index(int(heat.argmax()), heat.shape)
        hits.append(bool(near[row, column]) and float(heat.max()) > float(heat.min()))
    return np.array(hits, np.float64)


def energy(maps: Maps, masks: Masks) -> Values:
    """Share of the map's sum inside the mask (count,), 0 to 1. H. Wang et al., "Score-CAM", CVPR Workshops 2020."""
    total = maps.sum((1, 2), dtype=np.float64)
    inside = (maps * masks).sum((1, 2), dtype=np.float64)
    return np.asarray(np.divide(inside, total, out=np.zeros_like(total), where=total > 0), np.float64)


def overlap(maps: Maps, masks: Masks, hot: float = HOT) -> Values:
    """Intersection over union (count,), 0 to 1, of the mask and the pixels that reach `hot` of the map's maximum."""
    highest = maps.max((1, 2), keepdims=True)
    marked = (maps >= hot * highest) & (highest > 0)
    union = (marked | masks).sum((1, 2))
    return np.asarray((marked & masks).sum((1, 2)) / np.maximum(union, 1), np.float64)


def deletion_and_insertion(
    probability: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, maps: Maps
) -> tuple[Values, Values]:
    """Areas under the label's probability while the hottest pixels are removed, or inserted, step by step.

    V. Petsiuk et al., "RISE", BMVC 2018. A low deletion and a high insertion mean that the map shows what the model
    uses. `probability` gives one value for each image of a batch (count, 3, side, side). Removed pixels become the
    image's mean; pixels that are not yet inserted are blurred. Returns two arrays (count,) from 0 to 1.
    """
    count, _, side, _ = images.shape
    order = torch.from_numpy(maps.reshape(count, -1).copy()).argsort(stable=True, dim=1, descending=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(side * side).expand(count, -1))
    share = (rank.float() / (side * side)).view(count, 1, side, side)
    mean = images.mean((2, 3), keepdim=True)
    blurred = _blurred(images, BLUR * side)
    steps = torch.linspace(0, 1, CURVE_STEPS + 1)
    deleted, inserted = [], []
    for step in steps.tolist():
        hottest = share < step
        deleted.append(probability(torch.where(hottest, mean, images)))
        inserted.append(probability(torch.where(hottest, images, blurred)))
    return tuple(  # type: ignore[return-value]
        torch.trapezoid(torch.stack(curve).double(), steps.double(), dim=0).numpy()
        for curve in (deleted, inserted)
    )


def _blurred(images: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = max(1, round(3 * sigma))
    line = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-(line**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, -1)
    padded = functional.pad(images, (reach, reach, reach, reach), mode="replicate")
    rows = functional.conv2d(padded, kernel.unsqueeze(2), groups=images.shape[1])
    return functional.conv2d(rows, kernel.unsqueeze(3), groups=images.shape[1])
