"""What two models are compared by, each as a function of resamples' weights; see `training.gate.resampling`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.evaluation.calibration import CALIBRATION_BINS
from training.gate.resampling import Statistic, Values, Weights

Bits = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


def mean(values: npt.NDArray[np.floating] | Bits) -> Statistic:
    """The mean of a value of each scan; scans whose value is NaN are left out."""
    known = ~np.isnan(np.asarray(values, np.float64))
    columns = np.stack([np.where(known, values, 0.0), known], 1).astype(np.float32)

    def statistic(weights: Weights) -> Values:
        total, count = np.asarray(weights @ columns, np.float64).T
        return _divided(total, count)

    return statistic


def of_scans(values: npt.NDArray[np.floating] | Bits, chosen: Bits) -> Statistic:
    """The mean of a value over the chosen scans, such as the recall of a label."""
    return mean(np.where(chosen, np.asarray(values, np.float64), np.nan))


def macro_f1(truth: Numbers, predicted: Numbers, label_count: int, chosen: Bits | None = None) -> Statistic:
    """The mean F1 of the labels that a resample has; with `chosen`, of these scans alone."""
    inside = np.ones(len(truth), bool) if chosen is None else chosen
    numbers = np.arange(label_count)
    own, said = truth[:, None] == numbers, predicted[:, None] == numbers
    columns = (np.concatenate([own, said, own & said], 1) & inside[:, None]).astype(np.float32)

    def statistic(weights: Weights) -> Values:
        support, answers, right = np.split(np.asarray(weights @ columns, np.float64), 3, axis=1)
        scores = _divided(2 * right, support + answers)
        return np.asarray(np.nanmean(np.where(support > 0, scores, np.nan), axis=1), np.float64)

    return statistic


def calibration_error(confidence: npt.NDArray[np.floating], right: Bits) -> Statistic:
    """The expected calibration error over bins of equal width, as `training.evaluation.calibration` has it."""
    bins = (confidence * CALIBRATION_BINS).astype(int).clip(0, CALIBRATION_BINS - 1)
    gaps = (bins[:, None] == np.arange(CALIBRATION_BINS)) * (right - confidence)[:, None]
    columns = gaps.astype(np.float32)

    def statistic(weights: Weights) -> Values:
        return np.asarray(np.abs(weights @ columns).sum(1) / weights.sum(1), np.float64)

    return statistic


def coverage_at_risk(confidence: npt.NDArray[np.floating], right: Bits, risk: float) -> Statistic:
    """The largest share of scans, surest first, of which at most `risk` (0 to 1) are wrong."""
    order = np.argsort(-confidence, kind="stable")
    wrong = (~right[order]).astype(np.float32)
    # Scans of the same confidence are answered together.
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))

    def statistic(weights: Weights) -> Values:
        drawn = weights[:, order]
        answered = np.cumsum(drawn, axis=1)[:, ends]
        errors = np.cumsum(drawn * wrong, axis=1)[:, ends]
        allowed = np.where(errors <= risk * answered, answered, 0.0)
        return np.asarray(allowed.max(1) / weights.sum(1), np.float64)

    return statistic


@dataclass(frozen=True)
class Constant:
    """A statistic that is the same in every resample."""

    value: float

    def __call__(self, weights: Weights) -> Values:
        """The value for each resample."""
        return np.full(len(weights), self.value)


def _divided(above: npt.NDArray[np.floating], below: npt.NDArray[np.floating]) -> Values:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) > 0)
