"""Agreement beyond chance: Cohen's and Fleiss' kappa, with their intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from webapp.dashboard.intervals import wilson


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance: -1 to 1, 1 is full agreement and 0 chance; with its 95 % interval.

    The interval is Wilson's of the observed agreement. Like Cohen's standard error it takes the agreement by chance as
    it was found; unlike that, it has a width where all agree. For more than two readers it is wider than necessary: it
    counts each scan once.
    """

    value: float
    low: float
    high: float


def cohen(first: Sequence[str], second: Sequence[str]) -> Kappa | None:
    """Cohen's kappa of two readers' labels of the same scans.

    (Cohen 1960, https://doi.org/10.1177/001316446002000104.) None where it is not defined: without scans, or when
    both always name one and the same label.
    """
    if not first:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    of_first, of_second = Counter(first), Counter(second)
    expected = sum(of_first[label] * of_second[label] for label in of_first) / len(first) ** 2
    return _beyond_chance(observed, expected, len(first))


def fleiss(readings: Sequence[Sequence[str]]) -> Kappa | None:
    """Fleiss' kappa of scans that were each read by the same number of readers, at least two.

    `readings` holds the labels of each scan, their readers in any order
    (Fleiss 1971, https://doi.org/10.1037/h0031619). None where it is not defined: without scans, or when all readers
    always name one and the same label.
    """
    if not readings:
        return None
    readers = len(readings[0])
    counts = [Counter(labels) for labels in readings]
    per_scan = [sum(n * (n - 1) for n in count.values()) / (readers * (readers - 1)) for count in counts]
    named = sum(counts, Counter[str]())
    expected = sum((n / (len(readings) * readers)) ** 2 for n in named.values())
    return _beyond_chance(sum(per_scan) / len(per_scan), expected, len(readings))


def _beyond_chance(observed: float, expected: float, scans: int) -> Kappa | None:
    if math.isclose(expected, 1):
        return None

    def kappa(agreement: float) -> float:
        return (agreement - expected) / (1 - expected)

    low, high = wilson(observed, scans)
    return Kappa(kappa(observed), max(-1.0, kappa(low)), kappa(high))
