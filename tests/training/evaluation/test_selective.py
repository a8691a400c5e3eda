"""The risk-coverage curve on cases worked out by hand."""

import numpy as np
import pytest

from training.evaluation.selective import risk_coverage


def test_the_area_is_the_mean_share_of_errors_over_all_coverages() -> None:
    confidence = np.array([0.9, 0.6, 0.8, 0.7])
    wrong = np.array([False, True, True, False])
    # Surest first: right, wrong, right, wrong.
    found = risk_coverage(confidence, wrong)
    assert found["curve"] == [(0.25, 0.0), (0.5, 0.5), (0.75, 0.3333), (1.0, 0.5)]
    assert found["aurc"] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4, abs=1e-4)
    assert found["best"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4, abs=1e-4)


@pytest.mark.parametrize("wrong", [[True, False, False, False], [False, False, False, True]])
def test_scans_of_equal_confidence_share_their_errors(wrong: list[bool]) -> None:
    found = risk_coverage(np.full(4, 0.8), np.array(wrong))
    assert {risk for _, risk in found["curve"]} == {0.25} and found["aurc"] == 0.25


def test_a_long_curve_keeps_its_ends_and_few_points() -> None:
    wrong = np.arange(5000) % 10 == 0
    curve = risk_coverage(np.linspace(1, 0, 5000), wrong)["curve"]
    assert len(curve) == 100
    assert curve[-1] == (1.0, 0.1)
