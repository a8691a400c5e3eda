"""The bootstrap by patient, for two models at once: how much their difference would vary with other patients.

Whole patients are drawn with replacement (B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993). A resample
is a row of weights, one for each scan: how often its patient was drawn. Every statistic is computed for many rows at
once, so that 10,000 resamples of a thousand scans take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float32]
Statistic = Callable[[Weights], Values]
"""Takes weights (resamples, scans) and gives a value for each resample; NaN where nothing of it was drawn."""
MOST_WEIGHTS = 4_000_000
"""Weights in memory at once, 16 MB."""


@dataclass(frozen=True)
class Paired:
    """A statistic of the candidate and of the champion on the same scans, and of their difference.

    `interval` are the bounds of the difference (candidate − champion), each at the level of a check, and `superior` is
    its lower bound at the level from which a candidate is better. Values are NaN where they can't be computed.
    """

    candidate: float
    champion: float
    interval: tuple[float, float]
    superior: float

    @property
    def difference(self) -> float:
        """Candidate − champion."""
        return self.candidate - self.champion


@dataclass(frozen=True)
class Resamples:
    """The resamples of a test set: how often each of its patients is drawn in each of them."""

    groups: npt.NDArray[np.int64]
    """The number of each scan's patient (scans,)."""
    patients: int
    count: int
    seed: int

    def chunks(self) -> Iterator[Weights]:
        """Weights (resamples, scans), some resamples at a time, the same at each call."""
        rng = np.random.default_rng(self.seed)
        at_once = max(1, MOST_WEIGHTS // max(1, len(self.groups)))
        even = np.full(self.patients, 1 / self.patients)
        for first in range(0, self.count, at_once):
            drawn = rng.multinomial(self.patients, even, size=min(at_once, self.count - first))
            yield drawn[:, self.groups].astype(np.float32)

    def paired(
        self, statistics: Mapping[str, tuple[Statistic, Statistic]], level: float, superior_level: float
    ) -> dict[str, Paired]:
        """Each statistic, given as a pair for candidate and champion, with bounds at these levels (one-sided)."""
        whole = np.ones((1, len(self.groups)), np.float32)
        drawn: dict[str, list[Values]] = {name: [] for name in statistics}
        for weights in self.chunks():
            for name, (candidate, champion) in statistics.items():
                drawn[name].append(candidate(weights) - champion(weights))
        found = {}
        for name, (candidate, champion) in statistics.items():
            low, high, superior = _bounds(np.concatenate(drawn[name]), level, superior_level)
            found[name] = Paired(float(candidate(whole)[0]), float(champion(whole)[0]), (low, high), superior)
        return found


def resamples_of(patients: Sequence[str], count: int, seed: int) -> Resamples:
    """The resamples of scans of these patients; a scan without a patient counts as a patient of its own."""
    names = [patient or f"scan {number}" for number, patient in enumerate(patients)]
    _, groups = np.unique(names, return_inverse=True)
    return Resamples(groups.astype(np.int64), int(groups.max()) + 1, count, seed)


def _bounds(differences: Values, level: float, superior_level: float) -> tuple[float, float, float]:
    known = differences[~np.isnan(differences)]
    if not len(known):
        return (float("nan"),) * 3
    low, high, superior = np.quantile(known, [level, 1 - level, superior_level])
    return float(low), float(high), float(superior)
