"""Compares the heat maps of two models on the same scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from handlers.preprocessing import seen, to_tensor
from imaging.decoding import decode
from training.cache import read_pixels
from training.data.manifest import Scan
from training.explanation.measures import HOT, overlap, pointing_game
from training.explanation.methods import OURS, make_method
from training.gate.subject import Subject

BATCH = 16
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Heat:
    """Measures of the maps of scans, which explain the true label: of candidate and champion, and of both together.

    `pointing` and `iou` (two rows: candidate, champion) are NaN for scans without a region, `agreement` is the overlap
    of the hot parts of the two.
    """

    scans: Sequence[Scan]
    pointing: Values
    iou: Values
    agreement: Values


def compare_heat(candidate: Subject, champion: Subject, scans: Sequence[Scan]) -> Heat:
    """Make the maps of both models of the true label, and measure them. Raises DataError for an unreadable scan."""
    side = champion.card.input.size
    masks = np.stack([_mask(scan, side) for scan in scans])
    drawn = masks.any((1, 2))
    both = [_maps(subject, scans, side) for subject in (candidate, champion)]
    pointing, iou = (
        np.stack([np.where(drawn, measure(maps, masks), np.nan) for maps in both])
        for measure in (pointing_game, overlap)
    )
    hot = [maps >= HOT * np.maximum(maps.max((1, 2), keepdims=True), 1e-12) for maps in both]
    union = (hot[0] | hot[1]).sum((1, 2))
    agreement = (hot[0] & hot[1]).sum((1, 2)) / np.maximum(union, 1)
    return Heat(scans, pointing, iou, np.asarray(agreement, np.float64))


def choose_scans(scans: Sequence[Scan], labels: Sequence[str], per_label: int) -> list[Scan]:
    """Up to `per_label` scans of each label, of those with a mask where there are any; always the same ones."""
    rng = np.random.default_rng(0)
    chosen: list[Scan] = []
    for label in labels:
        own = sorted((scan for scan in scans if scan.label == label), key=lambda scan: scan.sha256)
        from_these = [scan for scan in own if scan.mask is not None] or own
        chosen += [from_these[number] for number in rng.permutation(len(from_these))[:per_label]]
    return chosen


def _mask(scan: Scan, side: int) -> npt.NDArray[np.bool_]:
    if scan.mask is None:
        return np.zeros((side, side), bool)
    picture = decode(scan.mask.read_bytes()).pixels[..., 0]
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) > 127)


def _maps(subject: Subject, scans: Sequence[Scan], side: int) -> npt.NDArray[np.float32]:
    """The maps (scans, side, side) of a model over whole pictures, 0 where they hold no numbers."""
    make = make_method(OURS, subject.network.cpu().eval())
    numbers = [subject.card.labels.index(scan.label) for scan in scans]
    made = []
    for first in range(0, len(scans), BATCH):
        part = scans[first : first + BATCH]
        pictures = [read_pixels(scan) for scan in part]
        images = torch.stack([to_tensor(pixels, subject.card.input) for pixels in pictures])
        maps = np.nan_to_num(make(images, numbers[first : first + BATCH]), nan=0.0, posinf=0.0, neginf=0.0)
        for one, pixels in zip(maps, pictures, strict=True):
            height, width = pixels.shape[:2]
            made.append(_over_picture(one, width, height, subject.card.input.resize, side))
    return np.stack(made)


def _over_picture(
    heat: npt.NDArray[np.float32], width: int, height: int, resize: str, side: int
) -> npt.NDArray[np.float32]:
    """A map of what a network saw of a picture as a map (side, side) of all of it, 0 where it saw nothing.

    So it lies as the masks do, and as the map of a network that saw another part.
    """
    left, top, seen_width, seen_height = seen(width, height, resize)
    first_column, first_row = round(left * side / width), round(top * side / height)
    columns, rows = max(1, round(seen_width * side / width)), max(1, round(seen_height * side / height))
    whole = np.zeros((side, side), np.float32)
    part = whole[first_row : first_row + rows, first_column : first_column + columns]
    part[:] = cv2.resize(heat, part.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return whole
