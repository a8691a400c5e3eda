"""The risk-coverage curve: the share of errors among the surest answers, and the area under it.

Y. Geifman, R. El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017; area as in
Y. Geifman, G. Uziel, R. El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import numpy.typing as npt

from training.evaluation.metrics import DIGITS

POINTS = 100
"""Points that are kept of a curve: more can't be seen in a plot, and would swell the file of numbers."""


class RiskCoverage(TypedDict):
    """A risk-coverage curve.

    `aurc` is the area under it (0 to 1, smaller is better), `best` the area of an ideal order, in which all errors come
    last. `curve` holds pairs of coverage (share of scans answered, the surest first) and risk (share of them wrong).
    """

    aurc: float
    best: float
    curve: list[tuple[float, float]]


def risk_coverage(confidence: npt.NDArray[np.floating], wrong: npt.NDArray[np.bool_]) -> RiskCoverage:
    """The curve of scans (one or more), ordered by `confidence`: any measure that is higher for a surer answer.

    The area is the mean risk over the coverages of 1, 2, … scans. Scans with equal confidence share their errors
    evenly, so that the area does not depend on their order.
    """
    risks = _risks(confidence, wrong)
    best = _risks(-wrong.astype(float), wrong)
    places = np.unique(np.linspace(0, len(risks) - 1, min(POINTS, len(risks))).round().astype(int))
    return RiskCoverage(
        aurc=round(float(risks.mean()), DIGITS),
        best=round(float(best.mean()), DIGITS),
        curve=[
            (round(float((place + 1) / len(risks)), DIGITS), round(float(risks[place]), DIGITS))
            for place in places
        ],
    )


def _risks(confidence: npt.NDArray[np.floating], wrong: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The share of errors among the 1, 2, … surest scans (scans)."""
    _, place, count = np.unique(-confidence, return_inverse=True, return_counts=True)
    errors = np.bincount(place, weights=wrong, minlength=len(count)) / count
    answered = np.arange(1, len(wrong) + 1)
    risks: npt.NDArray[np.float64] = np.cumsum(errors[np.sort(place)]) / answered
    return risks
