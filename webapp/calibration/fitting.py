"""Fits temperature, sets and familiarity to an installation's own scans. Pure arithmetic: no database, no files.

- *Temperature*: the one with the smallest negative log likelihood of the true labels (Guo et al. 2017,
  https://arxiv.org/abs/1706.04599). A normal prior on its logarithm keeps it near the card's: on a few dozen scans that
  are all predicted correctly it would otherwise run to zero.
- *Sets*: conformal prediction per label (Mondrian; Vovk 2012, https://arxiv.org/abs/1209.2673). A label's threshold
  is the probability that it has on one of its own scans, the l-th lowest of those of n patients. l is the largest with
  l <= (1 - coverage)(n + 1), which keeps the coverage on average, and for which the coverage falls short by more than
  SLACK in at most one installation of ten (the same paper, proposition 2a). The scans of one patient share a weight
  of 1 (Dunn, Wasserman and Ramdas 2023, https://arxiv.org/abs/1809.07441).
- *Labels with too few scans* share one threshold: that of all scans of such labels together, or of all scans where
  these are too few as well (the null cluster of Ding et al. 2023, https://arxiv.org/abs/2306.09335). A label without
  any scan keeps the card's threshold, converted to the new temperature.
- *Familiarity*: the card's threshold, or a lower one, so that all but UNFAMILIAR of the patients are known; never so
  low that a picture of anything else would pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import comb, floor

import numpy as np

from webapp.calibration.sample import SMALLEST, Floats, Numbers, Sample, Terms

PRIOR_WIDTH = 0.5
"""Standard deviation of the natural logarithm of the temperature's ratio to the card's: 0.6 to 1.6 times are usual."""
SOFTENINGS = np.exp(np.linspace(np.log(0.2), np.log(10), 400))
"""The ratios to the card's temperature that are tried; neighbours are 1 % apart."""
SLACK, SURE = 0.03, 0.9
"""The coverage may fall short by SLACK, and does not by more with a probability of SURE."""
MANY = 500
"""Patients above which the average alone decides, as the coverage hardly varies any more."""
UNFAMILIAR = 0.05
"""The share of the installation's patients that may stay unknown."""
LEAST_KNOWN = 0.001
"""The lowest threshold: a picture stranger than 999 of 1,000 training scans may be anything, and stays unknown."""
DIGITS = 6
"""Decimals of what is stored."""


class By(StrEnum):
    """Whose scans a label's threshold comes from."""

    OWN = "own"
    SHARED = "shared"
    ALL = "all"
    CARD = "card"


@dataclass(frozen=True)
class Fit:
    """The fitted terms, which take the place of the card's, and `by` label whose scans its threshold comes from.

    For a model without statistics only the temperature is fitted: it has no sets and no familiarity.
    """

    temperature: float
    known_from: float | None
    least: dict[str, float]
    by: dict[str, By]


def fit(sample: Sample, card: Terms) -> Fit:
    """Fit all terms to a sample of at least one scan; `card` are those of the model's card."""
    softening = fitted_softening(sample)
    least, by = _thresholds(sample, sample.at(softening), softening, card) if card.least else ({}, {})
    return Fit(
        temperature=round(card.temperature * softening, DIGITS),
        known_from=_known_from(sample, card.known_from),
        least=least,
        by=by,
    )


def fitted_softening(sample: Sample) -> float:
    """The factor by which to multiply the card's temperature."""
    rows = np.arange(len(sample))
    losses = [
        -np.log(np.maximum(sample.at(softening)[rows, sample.truth], SMALLEST)).sum()
        + np.log(softening) ** 2 / (2 * PRIOR_WIDTH**2)
        for softening in SOFTENINGS
    ]
    return float(SOFTENINGS[int(np.argmin(losses))])


@cache
def rank(patients: int, coverage: float) -> int:
    """The rank l, from 1 for the lowest, of the probability that is the threshold; 0 where the patients are too few."""
    highest = floor((1 - coverage) * (patients + 1) + 1e-9)
    if patients > MANY:
        return highest
    short = 1 - coverage + SLACK
    return max((at for at in range(1, highest + 1) if _at_least(at, patients, short) >= SURE), default=0)


def _at_least(successes: int, tries: int, chance: float) -> float:
    """The probability of at least so many successes in independent tries (binomial)."""
    fewer = (comb(tries, k) * chance**k * (1 - chance) ** (tries - k) for k in range(successes))
    return 1 - sum(fewer)


def lowest(values: Floats, patients: Numbers, at: int) -> float:
    """The `at`-th lowest value, counted in patients: the values of each patient share a weight of 1."""
    _, of, sizes = np.unique(patients, return_inverse=True, return_counts=True)
    order = np.argsort(values, kind="stable")
    reached = np.cumsum((1 / sizes[of])[order])
    return float(values[order][min(int(np.searchsorted(reached, at - 1e-9)), len(values) - 1)])


def _thresholds(
    sample: Sample, probabilities: Floats, softening: float, card: Terms
) -> tuple[dict[str, float], dict[str, By]]:
    of_truth = probabilities[np.arange(len(sample)), sample.truth]
    ranks = [
        rank(len(np.unique(sample.patients[sample.truth == column])), card.coverage)
        for column in range(len(sample.labels))
    ]
    shared, by_shared = _shared(sample, of_truth, np.asarray(ranks) == 0, card.coverage)
    least: dict[str, float] = {}
    by: dict[str, By] = {}
    for column, label in enumerate(sample.labels):
        own = sample.truth == column
        if ranks[column]:
            least[label], by[label] = lowest(of_truth[own], sample.patients[own], ranks[column]), By.OWN
            continue
        least[label], by[label] = shared, by_shared
        if not own.any() and card.least is not None:
            least[label], by[label] = softened(card.least[label], softening), By.CARD
    # Rounded down, so that a scan at its label's threshold keeps the label.
    return {label: floor(value * 10**DIGITS) / 10**DIGITS for label, value in least.items()}, by


def _shared(
    sample: Sample, of_truth: Floats, with_few: np.ndarray[tuple[int], np.dtype[np.bool_]], coverage: float
) -> tuple[float, By]:
    """The threshold of the labels with too few scans, and whose scans it comes from."""
    few = with_few[sample.truth]
    if at := rank(len(np.unique(sample.patients[few])), coverage):
        return lowest(of_truth[few], sample.patients[few], at), By.SHARED
    everybody = len(np.unique(sample.patients))
    at = rank(everybody, coverage) or 1
    return lowest(of_truth, sample.patients, at), By.ALL


def softened(probability: float, softening: float) -> float:
    """A probability at `softening` times the temperature, as if there were only one other label."""
    odds = math.exp((_log(probability) - _log(1 - probability)) / softening)
    return odds / (1 + odds)


def _log(probability: float) -> float:
    return math.log(max(probability, SMALLEST))


def _known_from(sample: Sample, of_card: float | None) -> float | None:
    told = ~np.isnan(sample.familiarity)
    if of_card is None or not told.any():
        return of_card
    patients = sample.patients[told]
    at = max(1, floor(UNFAMILIAR * (len(np.unique(patients)) + 1)))
    wanted = lowest(sample.familiarity[told], patients, at)
    return float(min(of_card, max(LEAST_KNOWN, floor(wanted * 10**DIGITS) / 10**DIGITS)))
