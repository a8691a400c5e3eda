"""Tests that may be looked at after each observation."""

from __future__ import annotations

import math
import random

import pytest

from webapp.rollouts import sequential


def test_the_ratio_is_that_of_the_two_binomials() -> None:
    expected = math.log(0.2**3 * 0.8**7) - math.log(0.05**3 * 0.95**7)

    assert sequential.log_ratio(3, 10, 0.05, 0.2) == pytest.approx(expected)


def test_whoever_looks_each_time_is_rarely_wrong() -> None:
    """Of 2,000 runs of 500 observations at the usual share, at most 1 in 100 ever reaches the bound of 1 in 100."""
    chance, wrong = random.Random(7), 0
    for _ in range(2000):
        hits = 0
        for of in range(1, 501):
            hits += chance.random() < 0.1
            if sequential.log_ratio(hits, of, 0.1, 0.25) >= math.log(100):
                wrong += 1
                break

    assert 0 < wrong <= 30  # 20 are expected at most, with a deviation of 4.5


def test_a_share_that_is_too_high_is_found() -> None:
    chance = random.Random(8)
    needed = []
    for _ in range(200):
        hits = of = 0
        while sequential.log_ratio(hits, of, 0.1, 0.25) < math.log(100):
            hits, of = hits + (chance.random() < 0.25), of + 1
        needed.append(of)

    # Wald's expected number, log(100) / the mean step, is 51.
    assert 40 < sum(needed) / len(needed) < 75


def test_what_begins_late_is_found_as_fast() -> None:
    failing = [True] * 5
    at_once = sequential.log_sum(failing, 0.01, 0.1)

    assert sequential.log_sum([*[False] * 1000, *failing], 0.01, 0.1) == pytest.approx(at_once)
    assert at_once > math.log(20_000) > sequential.log_sum([True] * 4, 0.01, 0.1)
    assert sequential.log_ratio(5, 1005, 0.01, 0.1) < 0  # where the plain ratio would not notice


def test_how_many_clean_ones_are_enough() -> None:
    least = sequential.least_clean(0.1, 0.25, 0.05)

    assert sequential.log_ratio(0, least, 0.1, 0.25) <= math.log(0.05)
    assert sequential.log_ratio(0, least - 1, 0.1, 0.25) > math.log(0.05)


def test_the_bounds_of_a_quantile_hold_it() -> None:
    chance, missed = random.Random(9), 0
    true = -math.log(0.05)  # the 95th percentile of an exponential
    for _ in range(500):
        low, high = sequential.quantile_bounds([chance.expovariate(1) for _ in range(100)], 0.95, 0.01)
        missed += not low <= true <= high

    assert missed <= 25  # 10 are expected, and the approximation is rough at the end


def test_few_values_give_no_upper_bound() -> None:
    _, high = sequential.quantile_bounds([3.0, 1.0, 2.0], 0.95, 0.001)

    assert high == math.inf
    assert sequential.quantile_of([3.0, 1.0, 2.0], 0.5) == 2.0


@pytest.mark.parametrize("shares", [(0.0, 0.5), (0.5, 0.5), (0.6, 0.5), (0.5, 1.0)])
def test_shares_have_to_differ(shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="shares must be"):
        sequential.log_ratio(1, 2, *shares)
