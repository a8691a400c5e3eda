"""Simulated scans to which a scan is compared for people: what it is most like, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from handlers.statistics import unit
from training.data.manifest import DataError, Scan, of_split
from training.data.sources import SIMULATED
from training.simulator.labels import WORDS
from training.statistics.features import Embedded, Features

CANDIDATES = 48
"""Simulated scans of each label, the first of the train split, among which references are chosen."""
SIZES = ("mild", "moderate", "marked")
"""How much of a label's lesions its references show, by thirds of their masks' area."""
PER_SIZE = 2


@dataclass(frozen=True)
class References:
    """Vectors of length 1 (references, channels) and what people are told of each, in the same order."""

    vectors: npt.NDArray[np.float16]
    texts: tuple[str, ...]


def candidates(scans: Sequence[Scan]) -> list[Scan]:
    """The simulated scans that can become references: none into which a patient's scan went."""
    counts: dict[str, int] = {}
    chosen = []
    for scan in of_split(scans, "train"):
        if scan.source == SIMULATED and counts.get(scan.label, 0) < CANDIDATES:
            counts[scan.label] = counts.get(scan.label, 0) + 1
            chosen.append(scan)
    return chosen


def choose(simulated: Embedded) -> References:
    """Per label and size of the lesion the scans nearest to the mean of all such; raises DataError for a bad mask."""
    vectors: list[Features] = []
    texts: list[str] = []
    for label in sorted({scan.label for scan in simulated.scans}):
        own = simulated.take(np.flatnonzero(simulated.labels == label).tolist())
        shown = f": {WORDS[label]}" if label in WORDS else ""
        for size, part in _by_size(own):
            directions = unit(part.features)
            order = np.argsort(-(directions @ directions.mean(axis=0)), kind="stable")[:PER_SIZE]
            vectors.append(directions[order])
            texts += [f"simulated {label}{f', {size}' if size else ''}{shown}"] * len(order)
    return References(np.concatenate(vectors).astype(np.float16), tuple(texts))


def _by_size(scans: Embedded) -> list[tuple[str, Embedded]]:
    """The scans in three parts by the area of their lesions; in one, without a name, where they have none."""
    areas = np.array([_area(scan) for scan in scans.scans])
    if not areas.all() or len(areas) < len(SIZES):
        return [("", scans)]
    thirds = np.array_split(np.argsort(areas, kind="stable"), len(SIZES))
    return [(size, scans.take(third.tolist())) for size, third in zip(SIZES, thirds, strict=True)]


def _area(scan: Scan) -> float:
    """The share of the picture that the mask of its lesions covers, 0 without a mask."""
    if scan.mask is None:
        return 0.0
    mask = cv2.imread(str(scan.mask), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DataError(f"{scan.mask}: the mask is no picture that can be read")
    return float((mask > 0).mean())
