"""The least probability of each label below which it is ruled out, by conformal prediction.

Per label ("Mondrian"), so that rare labels keep the coverage that frequent ones have: V. Vovk, "Conditional Validity of
Inductive Conformal Predictors", Machine Learning 92 (2013).
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
"""As many as the model server gives of a probability."""


def least_scans(coverage: float) -> int:
    """How many scans of a label it takes to rule it out at this coverage (0 to 1) at all: 9 for 0.9."""
    return math.ceil(round(1 / (1 - coverage), 9)) - 1


def least_probability(probabilities: Sequence[float], coverage: float) -> float:
    """The largest least probability that keeps a further scan of the label with a chance of at least `coverage`.

    `probabilities` are those of the label on its own calibration scans. 0, by which the label is never ruled out, with
    fewer scans than `least_scans`.
    """
    missed = math.floor(round((len(probabilities) + 1) * (1 - coverage), 9))
    if missed < 1:
        return 0.0
    # Rounded down: a scan that has just as much must not be lost to the rounding.
    return float(math.floor(sorted(probabilities)[missed - 1] * 10**DIGITS) / 10**DIGITS)


def _pooled(of_truth: npt.NDArray[np.float32], coverage: float) -> float:
    """The least probability that keeps the true label of a scan of any label; 1 without scans."""
    return least_probability(of_truth.tolist(), coverage) if len(of_truth) else 1.0


def fit_sets(
    validation: Embedded, labels: Sequence[str], temperature: float, coverage: float
) -> tuple[SetFacts, dict[str, CalibrationScans]]:
    """The least probabilities, and on how many validation scans each rests.

    Real scans decide where a label has enough of them (`least_scans`); else simulated ones count, too, and the label's
    scans are not called real. No label with a real scan needs more than the scans of all labels together would make
    it need: that keeps the promise, and few easy scans of a label promise too much (docs/training.md has the figures).
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
