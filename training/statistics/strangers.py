"""How well each method recognises strangers among home scans, as areas under the ROC curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from handlers.card_statistics import METHODS, SetFacts, StatisticsFacts
from handlers.statistics import Statistics
from training.data.manifest import Scan
from training.data.sources import GRAFTED, is_simulated
from training.statistics.features import Embedded, Features
from training.statistics.fitting import Tensors, fit_tensors

DIGITS = 3
LEAST_SCANS = 10
"""Scans that each side needs: an area of fewer says nothing."""

RocAreas = dict[str, dict[str, float]]
"""ROC-AUC by method and by name of the strangers."""


def statistics_of(method: str, tensors: Tensors, outliers: Mapping[str, int] | None = None) -> Statistics:
    """Statistics of these tensors, without a file; `outliers` are counts by label."""
    facts = StatisticsFacts("0" * 64, method, 0.0, SetFacts(0.0, {}), {}, outliers=dict(outliers or {}))
    return Statistics(facts, tensors)


def roc_areas(reference: Embedded, home: Embedded, strangers: Mapping[str, Embedded]) -> RocAreas:
    """The ROC-AUC of strangeness by method and name of the strangers, if they have `LEAST_SCANS` scans or more."""
    by_method: RocAreas = {}
    for method in METHODS:
        statistics = statistics_of(method, fit_tensors(method, reference, home.features))
        at_home = statistics.strangeness(home.features)
        by_method[method] = {
            name: roc_area(at_home, statistics.strangeness(scans.features))
            for name, scans in strangers.items()
            if min(len(scans), len(home)) >= LEAST_SCANS
        }
    return by_method


def roc_area(at_home: Features, strange: Features) -> float:
    """ROC-AUC (0 to 1): the chance that a stranger has a higher strangeness than a home scan."""
    truth = np.r_[np.zeros(len(at_home)), np.ones(len(strange))]
    return round(float(roc_auc_score(truth, np.r_[at_home, strange])), DIGITS)


def leave_one_source_out(reference: Embedded, home: Embedded) -> RocAreas:
    """The ROC-AUC for the home scans of each source, as strangers to statistics fitted without that source.

    Each is named `without SOURCE`. The network was trained on the source, so that only the statistics are measured.
    Grafted scans belong to the source of the real scan.
    """
    by_method: RocAreas = {method: {} for method in METHODS}
    for source in sorted({scan.source for scan in home.scans}):

        def is_its(scan: Scan, source: str = source) -> bool:
            return scan.source.removeprefix(GRAFTED) == source

        left_out = home.where(is_its)
        stayed, others = (part.where(lambda scan: not is_its(scan)) for part in (home, reference))
        if min(len(stayed), len(left_out)) < LEAST_SCANS or all(is_simulated(scan) for scan in others.scans):
            continue
        for method, by_name in roc_areas(others, stayed, {f"without {source}": left_out}).items():
            by_method[method] |= by_name
    return by_method


def best_method(by_method: RocAreas) -> str:
    """The method with the highest mean area; the first of `METHODS` when nothing could be measured."""

    def mean(method: str) -> float:
        values: Sequence[float] = list(by_method[method].values())
        return float(np.mean(values)) if values else 0.0

    return max(METHODS, key=mean)
