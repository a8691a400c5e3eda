"""Ways of comparing one block of scans with earlier ones, beside each other, for `bench drift --ways`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.drift_answers import PROJECTIONS, Answered
from benchmarks.drift_pools import Draw, Pool, sample_of_scans
from webapp.drift.comparing import compare
from webapp.drift.samples import PICTURE
from webapp.drift.sizes import BLOCK, EARLIER

PERMUTATIONS = 1999
AT_LEVEL = 0.001
"""Of false alarms in a single block."""


def compare_ways(
    pool: Pool,
    changes: Mapping[str, Draw],
    every: Sequence[Answered],
    runs: int,
    noise: np.random.Generator,
) -> dict[str, dict[str, int]]:
    """How many single blocks each way of comparing finds."""
    features = np.stack([one.features for one in every])
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    axes = np.linalg.svd(features - features.mean(0), full_matrices=False)[2][:PROJECTIONS].T

    def vectors(scans: Sequence[Answered]) -> npt.NDArray[np.float64]:
        return np.array([list(scan.values.values()) for scan in scans], dtype=np.float64)

    def projected(scans: Sequence[Answered]) -> dict[str, list[float | str]]:
        found = np.stack([one.features / np.linalg.norm(one.features) for one in scans]) @ axes
        return {f"projection {number}": found[:, number].tolist() for number in range(PROJECTIONS)}

    def count(now: Sequence[Answered], before: Sequence[Answered]) -> dict[str, bool]:
        both = sample_of_scans(now), sample_of_scans(before)
        parts = {
            "all": both,
            "answers alone": tuple({k: v for k, v in one.items() if k not in PICTURE} for one in both),
            "pictures alone": tuple({k: v for k, v in one.items() if k in PICTURE} for one in both),
            "all and projections": ({**both[0], **projected(now)}, {**both[1], **projected(before)}),
        }
        found = {
            name: any(one.significant for one in compare(values[0], values[1], (), AT_LEVEL))
            for name, values in parts.items()
        }
        return found | {"MMD": _mmd(vectors(now), vectors(before), noise) <= AT_LEVEL}

    counts: dict[str, dict[str, int]] = {}
    for name, after in changes.items():
        row: Counter[str] = Counter()
        for _ in range(runs):
            row.update(count(after(BLOCK, noise), pool.draw(EARLIER, noise)))
        counts[name] = dict(row)
    return counts


def _mmd(now: npt.NDArray[np.float64], before: npt.NDArray[np.float64], noise: np.random.Generator) -> float:
    """The p-value of the maximum mean discrepancy (A. Gretton et al., JMLR 13 (2012)), by permutation.

    The kernel is Gaussian, as wide as the median distance of the scans, each value scaled to a variance of 1.
    """
    both = np.concatenate([now, before])
    both = (both - both.mean(0)) / np.maximum(both.std(0), 1e-9)
    squared = ((both[:, None] - both[None]) ** 2).sum(2)
    kernel = np.exp(-squared / np.median(squared[np.triu_indices(len(both), 1)]))
    first = np.r_[np.full(len(now), 1 / len(now)), np.full(len(before), -1 / len(before))]
    shuffled = np.stack([first, *(noise.permutation(first) for _ in range(PERMUTATIONS))])
    found = ((shuffled @ kernel) * shuffled).sum(1)
    return float((found >= found[0] - 1e-12).mean())
