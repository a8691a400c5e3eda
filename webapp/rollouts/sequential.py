"""Tests that may be looked at after each observation, as a canary is watched all the time.

- Wald's sequential probability ratio test (A. Wald, Sequential Tests of Statistical Hypotheses, Annals of Mathematical
  Statistics 16, 1945): the likelihood ratio of "the share is p1" to "it is p0" after k of n. While the share is p0 or
  less, it ever reaches 1/a with a probability of at most a (Ville's inequality), however often one looks.
- Page's cumulative sum (E. S. Page, Continuous Inspection Schemes, Biometrika 41, 1954): the same, begun anew whenever
  it falls below one, so that what goes wrong late is found as fast as what is wrong from the first. A false alarm at
  height h takes at least h observations on average (G. Lorden, Annals of Mathematical Statistics 42, 1971).
- Bounds of a quantile by order statistics, which assume no distribution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist


def log_ratio(hits: int, of: int, usual: float, too_high: float) -> float:
    """The logarithm of the likelihood ratio of the share `too_high` to the share `usual`, both in (0, 1)."""
    _check(usual, too_high)
    return hits * math.log(too_high / usual) + (of - hits) * math.log((1 - too_high) / (1 - usual))


def log_sum(outcomes: Iterable[bool], usual: float, too_high: float) -> float:
    """Page's sum over outcomes in their order, true for a hit; as a logarithm, at least 0."""
    _check(usual, too_high)
    hit, miss = math.log(too_high / usual), math.log((1 - too_high) / (1 - usual))
    total = 0.0
    for outcome in outcomes:
        total = max(0.0, total + (hit if outcome else miss))
    return total


def least_clean(usual: float, too_high: float, fine: float) -> int:
    """After how many observations without a hit the ratio is down to `fine`."""
    _check(usual, too_high)
    return math.ceil(math.log(fine) / math.log((1 - too_high) / (1 - usual)))


def quantile_bounds(values: Sequence[float], quantile: float, chance: float) -> tuple[float, float]:
    """Bounds of a quantile, each of which is wrong with about the given chance. `values` must not be empty."""
    ordered = sorted(values)
    count = len(ordered)
    spread = NormalDist().inv_cdf(1 - chance) * math.sqrt(count * quantile * (1 - quantile))
    lower = math.floor(count * quantile - spread) - 1
    upper = math.ceil(count * quantile + spread)
    return (
        ordered[lower] if lower >= 0 else -math.inf,
        ordered[upper] if upper < count else math.inf,
    )


def quantile_of(values: Sequence[float], quantile: float) -> float:
    """The quantile itself: the least value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * quantile) - 1)]


def _check(usual: float, too_high: float) -> None:
    if not 0 < usual < too_high < 1:
        raise ValueError(f"shares must be 0 < {usual} < {too_high} < 1")
