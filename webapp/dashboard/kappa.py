"""Agreement beyond chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence


def cohen(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Cohen's kappa of two readers' labels of the same scans, -1 to 1.

    (Cohen 1960, https://doi.org/10.1177/001316446002000104.) None where it is not defined: without scans, or when
    both always name one and the same label.
    """
    if not first:
        return None
    # Loaded when there is something to compute: it is not small.
    from sklearn.metrics import cohen_kappa_score

    labels = sorted({*first, *second})
    if len(labels) == 1:
        return None
    kappa = float(cohen_kappa_score(first, second, labels=labels))
    return None if math.isnan(kappa) else kappa


def fleiss(readings: Sequence[Sequence[str]]) -> float | None:
    """Fleiss' kappa of scans that were each read by the same number of readers, at least two; -1 to 1.

    `readings` holds the labels of each scan, their readers in any order
    (Fleiss 1971, https://doi.org/10.1037/h0031619). None where it is not defined: without scans, or when all readers
    always name one and the same label.
    """
    if not readings:
        return None
    readers = len(readings[0])
    counts = [Counter(labels) for labels in readings]
    per_scan = [sum(n * (n - 1) for n in count.values()) / (readers * (readers - 1)) for count in counts]
    observed = sum(per_scan) / len(per_scan)
    named = sum(counts, Counter[str]())
    expected = sum((n / (len(readings) * readers)) ** 2 for n in named.values())
    return None if math.isclose(expected, 1) else (observed - expected) / (1 - expected)
