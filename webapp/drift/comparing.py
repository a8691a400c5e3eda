"""Compares the values of scans with those of others, by tests of SciPy, and says in which they differ.

Numbers are compared by Kolmogorov and Smirnov's test, words by chi-squared or Fisher's test, and their p-values are
corrected by Holm. With the probabilities of all labels among the numbers this is what S. Rabanser, S. Günnemann and
Z. Lipton found to be best ("Failing Loudly: An Empirical Study of Methods for Detecting Dataset Shift", NeurIPS 2019).

SciPy is imported when something is compared, which only the worker does.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from webapp.drift.samples import CONFIDENCE, FAMILIARITY, Value, Values, numbers_of

LEAST_VALUES = 20
"""Fewer of a measure are not compared."""
LEAST_EXPECTED = 5
"""Expected scans of each word in a chi-squared test; rarer words are taken together."""
DAILY_FALSE_ALARMS = 0.002
"""Expected false alarms of the whole installation on a day without drift: one in 500 days, 0.2 in 100."""
BEFORE, HOME = "before", "home"
"""What scans are compared with: earlier ones of the same clinic and device, or the model's home scans."""
OTHERS = "others"


@dataclass(frozen=True)
class Difference:
    """A measure in which scans differ from those that they are compared with, or would if `significant`.

    `p` is corrected by Holm for all that was compared at the same time. `effect` is the greatest distance of the two
    cumulative distributions, for words the share that would have to change (both 0 to 1).
    """

    measure: str
    against: str
    p: float
    effect: float
    significant: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it is stored."""
        return asdict(self)


@dataclass(frozen=True)
class Home:
    """Home scans of a source by the card's reference statistics: quantiles of each measure, and how many patients."""

    patients: int
    quantiles: Mapping[str, Sequence[float]]

    def sample(self) -> dict[str, list[float]]:
        """As many values as there are patients, evenly over the distribution of each measure."""
        at = (np.arange(self.patients) + 0.5) / self.patients
        return {
            name: np.interp(at, np.linspace(0, 1, len(values)), values).tolist()
            for name, values in self.quantiles.items()
        }


Homes = Sequence[Home]
"""Of each source of the model's home scans."""


def level(tests_today: int, streams: int) -> float:
    """The false alarms that the next test may spend, of a stream with `tests_today` earlier ones on the same day.

    All tests of a day together spend DAILY_FALSE_ALARMS at most, however many there are: streams have equal parts, and
    the k-th test of a stream 6 / (pi k)², which adds up to 1.
    """
    return DAILY_FALSE_ALARMS / max(1, streams) * 6 / (math.pi * (tests_today + 1)) ** 2


def compare(now: Values, before: Values | None, homes: Homes, alpha: float) -> list[Difference]:
    """All that can be compared, strongest first. Any is significant by chance with a probability of `alpha` at most.

    With earlier scans everything is compared, with home scans only what the model says itself, and only for the worse:
    that they are stranger to it, or that it is less certain, than those of each source. A clinic may be like any of them.
    """
    found: list[tuple[str, str, float, float]] = []
    for measure, values in now.items():
        earlier = (before or {}).get(measure, [])
        if min(len(values), len(earlier)) >= LEAST_VALUES:
            p, effect = _words(values, earlier) if isinstance(values[0], str) else _numbers(values, earlier)
            found.append((measure, BEFORE, p, effect))
    at_home = [home.sample() for home in homes]
    for measure in (FAMILIARITY, CONFIDENCE):
        numbers = numbers_of(now, measure)
        if len(numbers) >= LEAST_VALUES and at_home and all(measure in one for one in at_home):
            of_each = [_numbers(numbers, one[measure], alternative="greater") for one in at_home]
            p, effect = max(of_each, key=lambda found: (found[0], -found[1]))
            found.append((measure, HOME, p, effect))
    corrected = holm([p for _, _, p, _ in found])
    differences = [
        Difference(measure, against, p, effect, p <= alpha)
        for (measure, against, _, effect), p in zip(found, corrected, strict=True)
    ]
    return sorted(differences, key=lambda one: (one.p, -one.effect, one.measure))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number (S. Holm, Scandinavian Journal of Statistics 6 (1979))."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def _numbers(
    now: Sequence[Value], earlier: Sequence[Value], alternative: str = "two-sided"
) -> tuple[float, float]:
    """The p-value and the distance; `greater` asks whether the numbers now are the smaller ones."""
    from scipy import stats

    found = stats.ks_2samp(now, earlier, alternative=alternative)
    return float(found.pvalue), float(found.statistic)


def _words(now: Sequence[Value], earlier: Sequence[Value]) -> tuple[float, float]:
    from scipy import stats

    table = _table(now, earlier)
    effect = float(np.abs(table[0] / table[0].sum() - table[1] / table[1].sum()).sum() / 2)
    if table.shape[1] < 2:
        return 1.0, effect
    if table.shape[1] == 2:
        return float(stats.fisher_exact(table).pvalue), effect
    return float(stats.chi2_contingency(table, correction=False).pvalue), effect


def _table(now: Iterable[Value], earlier: Iterable[Value]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The counts of each word, those now above the earlier ones; rare words are counted together."""
    counts = Counter(now), Counter(earlier)
    both = counts[0] + counts[1]
    smaller = min(count.total() for count in counts) / both.total()
    kept = [word for word, count in both.items() if count * smaller >= LEAST_EXPECTED]
    rows = [
        [count[word] for word in kept] + [count.total() - sum(count[word] for word in kept)]
        for count in counts
    ]
    table = np.array(rows, dtype=np.int64)
    return table[:, table.sum(axis=0) > 0]
