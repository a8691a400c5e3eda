"""References: simulated scans that are described in words, so that people read what a scan is most like."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from handlers.statistics import unit
from training.data.manifest import DataError, Scan, of_split
from training.data.sources import SIMULATED
from training.statistics.features import Embedded, Features

WORDS = Path(__file__).with_name("references.toml")
CANDIDATES = 48
"""How many simulated scans of each label, the first of the train split, references are chosen from."""
SIZES = ("mild", "moderate", "marked")
"""Words for the size of a lesion: thirds of the scans by the area of their masks."""
PER_SIZE = 2
"""References of each label and size."""


@dataclass(frozen=True)
class References:
    """Vectors of length 1 (references, channels), and the text for each, in the same order."""

    vectors: npt.NDArray[np.float16]
    texts: tuple[str, ...]


def candidates(scans: Sequence[Scan]) -> list[Scan]:
    """The simulated scans that can become references; none is drawn into a patient's scan."""
    counts: dict[str, int] = {}
    chosen = []
    for scan in of_split(scans, "train"):
        if scan.source == SIMULATED and counts.get(scan.label, 0) < CANDIDATES:
            counts[scan.label] = counts.get(scan.label, 0) + 1
            chosen.append(scan)
    return chosen


def choose(simulated: Embedded) -> References:
    """For each label and size of lesion, the scans nearest to their mean. Raises DataError for an unreadable mask."""
    words = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    vectors: list[Features] = []
    texts: list[str] = []
    for label in sorted({scan.label for scan in simulated.scans}):
        own = simulated.take(np.flatnonzero(simulated.labels == label).tolist())
        shown = f": {words[label]}" if label in words else ""
        for size, part in _by_size(own):
            directions = unit(part.features)
            order = np.argsort(-(directions @ directions.mean(axis=0)), kind="stable")[:PER_SIZE]
            vectors.append(directions[order])
            texts += [f"simulated {label}{f', {size}' if size else ''}{shown}"] * len(order)
    return References(np.concatenate(vectors).astype(np.float16), tuple(texts))


def _by_size(scans: Embedded) -> list[tuple[str, Embedded]]:
    """The scans in three parts by the area of their lesions, or in one nameless part where they have no lesions."""
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
        raise DataError(f"{scan.mask}: the mask can't be read as a picture")
    return float((mask > 0).mean())
