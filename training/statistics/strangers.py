"""How well scans that a model did not learn from are told from home scans: areas under the ROC curve, by method."""

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
"""Fewer scans on a side, and an area says nothing."""

RocAreas = dict[str, dict[str, float]]
"""By method, and by what the strangers are called."""


def statistics_of(method: str, tensors: Tensors, outliers: Mapping[str, int] | None = None) -> Statistics:
    """The statistics that these tensors make, without a file; `outliers` are counted by label."""
    facts = StatisticsFacts("0" * 64, method, 0.0, SetFacts(0.0, {}), {}, outliers=dict(outliers or {}))
    return Statistics(facts, tensors)


def roc_areas(reference: Embedded, home: Embedded, strangers: Mapping[str, Embedded]) -> RocAreas:
    """By method and name of the strangers, the ROC-AUC of strangeness; none for fewer than `LEAST_SCANS` scans."""
    found: RocAreas = {}
    for method in METHODS:
        statistics = statistics_of(method, fit_tensors(method, reference, home.features))
        at_home = statistics.strangeness(home.features)
        found[method] = {
            name: roc_area(at_home, statistics.strangeness(scans.features))
            for name, scans in strangers.items()
            if min(len(scans), len(home)) >= LEAST_SCANS
        }
    return found


def roc_area(at_home: Features, strange: Features) -> float:
    """The chance that a stranger is stranger than a home scan."""
    truth = np.r_[np.zeros(len(at_home)), np.ones(len(strange))]
    return round(float(roc_auc_score(truth, np.r_[at_home, strange])), DIGITS)


def leave_one_source_out(reference: Embedded, home: Embedded) -> RocAreas:
    """The same for each source's home scans, as strangers to statistics that never saw that source.

    Each is named `without SOURCE`. The network did see the source: what is measured is the statistics alone. Scans
    that the simulator drew into real ones go with the source of those.
    """
    found: RocAreas = {method: {} for method in METHODS}
    for source in sorted({scan.source for scan in home.scans}):

        def is_its(scan: Scan, source: str = source) -> bool:
            return scan.source.removeprefix(GRAFTED) == source

        left_out = home.where(is_its)
        stayed, others = (part.where(lambda scan: not is_its(scan)) for part in (home, reference))
        if min(len(stayed), len(left_out)) < LEAST_SCANS or all(is_simulated(scan) for scan in others.scans):
            continue
        for method, by_name in roc_areas(others, stayed, {f"without {source}": left_out}).items():
            found[method] |= by_name
    return found


def best_method(found: RocAreas) -> str:
    """The method with the highest mean area; the first of `METHODS` where nothing could be measured."""

    def mean(method: str) -> float:
        values: Sequence[float] = list(found[method].values())
        return float(np.mean(values)) if values else 0.0

    return max(METHODS, key=mean)
