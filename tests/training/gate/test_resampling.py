"""The bootstrap by patient gives what scikit-learn gives for the scans that were drawn, and sees pairs as pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, recall_score

from training.evaluation.calibration import calibration_error_of
from training.gate import statistics
from training.gate.resampling import Resamples, resamples_of

SCANS, LABELS = 60, 3


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True labels, answers and confidence of scans."""
    random = np.random.default_rng(0)
    truth = random.integers(0, LABELS, SCANS)
    answers = np.where(random.random(SCANS) < 0.8, truth, random.integers(0, LABELS, SCANS))
    return truth, answers, random.random(SCANS)


def resamples(count: int = 50) -> Resamples:
    return resamples_of([f"p{number // 2}" for number in range(SCANS)], count, seed=3)


def chosen(weights: np.ndarray) -> np.ndarray:
    """The numbers of the scans that a resample has, each as often as it was drawn."""
    return np.repeat(np.arange(SCANS), weights.astype(int))


def test_whole_patients_are_drawn_and_as_many_as_there_are() -> None:
    (weights,) = resamples().chunks()
    assert weights.shape == (50, SCANS)
    assert (weights.sum(1) == SCANS).all()
    assert (weights[:, ::2] == weights[:, 1::2]).all()
    assert (next(resamples().chunks()) == weights).all()


def test_statistics_are_those_of_the_scans_drawn(drawn: tuple[np.ndarray, ...]) -> None:
    truth, answers, confidence = drawn
    right = truth == answers
    (weights,) = resamples().chunks()
    macro = statistics.macro_f1(truth, answers, LABELS)(weights)
    recall = statistics.of_scans(right, truth == 1)(weights)
    error = statistics.calibration_error(confidence, right)(weights)
    covered = statistics.coverage_at_risk(confidence, right, 0.1)(weights)
    for number, row in enumerate(weights):
        own = chosen(row)
        present = np.unique(truth[own])
        assert macro[number] == pytest.approx(
            f1_score(truth[own], answers[own], labels=present, average="macro"), abs=1e-6
        )
        assert recall[number] == pytest.approx(
            recall_score(truth[own], answers[own], labels=[1], average=None)[0], abs=1e-6
        )
        assert error[number] == pytest.approx(
            calibration_error_of(torch.tensor(confidence[own]), torch.tensor(right[own])), abs=1e-5
        )
        order = own[np.argsort(-confidence[own], kind="stable")]
        ends = np.append(np.diff(confidence[order]) != 0, True)
        risks = np.cumsum(~right[order]) / np.arange(1, SCANS + 1)
        within = np.flatnonzero(ends & (risks <= 0.1 + 1e-9))
        assert covered[number] == pytest.approx((within[-1] + 1) / SCANS if len(within) else 0.0)


def test_two_equal_models_do_not_differ_however_few_patients_there_are(
    drawn: tuple[np.ndarray, ...],
) -> None:
    truth, answers, _ = drawn
    same = statistics.macro_f1(truth, answers, LABELS)
    found = resamples(500).paired({"f1": (same, same)}, 0.05, 0.025)["f1"]
    assert (found.difference, found.interval, found.superior) == (0.0, (0.0, 0.0), 0.0)


def test_a_label_that_was_not_drawn_is_left_out() -> None:
    values = np.array([1.0, 0.0, 1.0])
    statistic = statistics.of_scans(values, np.array([True, False, False]))
    assert np.isnan(statistic(np.array([[0, 2, 1]], np.float32)))[0]
    assert statistic(np.array([[2, 0, 1]], np.float32))[0] == 1.0


def test_many_scans_are_drawn_part_by_part() -> None:
    many = resamples_of([f"p{number}" for number in range(20_000)], 600, seed=0)
    parts = [len(weights) for weights in many.chunks()]
    assert parts == [200, 200, 200]
