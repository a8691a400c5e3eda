"""The least probability of each label, below which it is ruled out, by conformal prediction.

It is fitted for each label ("Mondrian"), so that rare labels have the coverage of frequent ones: V. Vovk, "Conditional
Validity of Inductive Conformal Predictors", Machine Learning 92 (2013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from handlers.card_statistics import CalibrationScans, SetFacts
from training.data.sources import is_simulated
from training.statistics.features import Embedded

DIGITS = 6
"""Decimals, as many as the probabilities of the model server have."""


def least_scans(coverage: float) -> int:
    """How many scans of a label are needed to rule it out at this coverage (0 to 1): 9 for 0.9."""
    return math.ceil(round(1 / (1 - coverage), 9)) - 1


def least_probability(probabilities: Sequence[float], coverage: float) -> float:
    """The largest least probability with which a new scan of the label keeps it with a chance of at least `coverage`.

    `probabilities` are those of the label on its own calibration scans. With fewer scans than `least_scans` it is 0,
    and the label is never ruled out.
    """
    missed = math.floor(round((len(probabilities) + 1) * (1 - coverage), 9))
    if missed < 1:
        return 0.0
    # Rounded down, so that a scan with exactly this probability keeps the label.
    return float(math.floor(sorted(probabilities)[missed - 1] * 10**DIGITS) / 10**DIGITS)


def _pooled(of_truth: npt.NDArray[np.float32], coverage: float) -> float:
    """The least probability that keeps the true label of a scan of any label; 1 without scans."""
    return least_probability(of_truth.tolist(), coverage) if len(of_truth) else 1.0


def fit_sets(
    validation: Embedded, labels: Sequence[str], temperature: float, coverage: float
) -> tuple[SetFacts, dict[str, CalibrationScans]]:
    """The least probabilities, and the count of validation scans behind each.

    A label with enough real scans (`least_scans`) uses these alone, another one also simulated scans. A label with real
    scans needs no more probability than the scans of all labels together would require: a few easy scans of one label
    promise too much (docs/training.md has the measurements).
    """
    probabilities = (validation.logits / temperature).softmax(1).numpy()
    real = np.array([not is_simulated(scan) for scan in validation.scans], dtype=bool)
    truth = validation.outputs(labels).targets.numpy()
    pooled = _pooled(probabilities[real, truth[real]], coverage)
    least: dict[str, float] = {}
    used: dict[str, CalibrationScans] = {}
    for number, label in enumerate(labels):
        own = validation.labels == label
        enough = int((own & real).sum()) >= least_scans(coverage)
        chosen = own & real if enough or not (own & ~real).any() else own
        least[label] = least_probability(probabilities[chosen, number].tolist(), coverage)
        if (own & real).any():
            least[label] = min(least[label], pooled)
        used[label] = CalibrationScans(
            int(chosen.sum()), real=bool(real[chosen].all()) and bool(chosen.any())
        )
    return SetFacts(coverage, least), used
