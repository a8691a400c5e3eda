"""The tests behind drift: right p-values, Holm's correction, and a bound of false alarms that adds up."""

from __future__ import annotations

import numpy as np
import pytest

from webapp.drift.comparing import (
    BEFORE,
    DAILY_FALSE_ALARMS,
    HOME,
    LEAST_VALUES,
    Home,
    compare,
    holm,
    level,
)


def test_holms_example() -> None:
    # Four hypotheses: 0.01 * 4, 0.02 * 3, 0.03 * 2, and none below the one before.
    assert holm([0.02, 0.01, 0.04, 0.03]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize("streams", [1, 7])
@pytest.mark.parametrize("tests", [1, 3, 500])
def test_all_tests_of_a_day_spend_what_a_day_may(streams: int, tests: int) -> None:
    spent = streams * sum(level(number, streams) for number in range(tests))
    assert 0.6 * DAILY_FALSE_ALARMS < spent <= DAILY_FALSE_ALARMS


def test_scans_that_are_alike_differ_as_seldom_as_is_said() -> None:
    noise = np.random.default_rng(5)
    alpha, false, tries = 0.05, 0, 400
    for _ in range(tries):
        now, before = (
            {
                "median": noise.normal(size=count).tolist(),
                "state": noise.choice(
                    ["answered", "undecided", "not_answered"], p=(0.7, 0.25, 0.05), size=count
                ).tolist(),
            }
            for count in (50, 200)
        )
        found = compare(now, before, [Home(150, {})], alpha)
        false += any(one.significant for one in found)
    assert false / tries < alpha + 3 * (alpha * (1 - alpha) / tries) ** 0.5


def test_numbers_and_words_that_differ_are_named_strongest_first() -> None:
    noise = np.random.default_rng(6)
    before = {"median": noise.normal(size=200).tolist(), "state": ["answered"] * 150 + ["undecided"] * 50}
    now = {"median": noise.normal(1.2, size=50).tolist(), "state": ["answered"] * 10 + ["undecided"] * 40}
    found = compare(now, before, (), 0.001)
    assert [(one.measure, one.against, one.significant) for one in found] == [
        ("state", BEFORE, True),
        ("median", BEFORE, True),
    ]
    assert found[0].effect == pytest.approx(0.55)


def test_home_scans_are_compared_for_the_worse_alone() -> None:
    even = tuple(np.linspace(0, 1, 21))
    home = Home(150, {"confidence": tuple(np.linspace(0.5, 1, 21)), "familiarity": even})
    better = {"familiarity": [0.95] * 50, "confidence": [0.99] * 50, "median": [200.0] * 50}
    worse = {"familiarity": [0.05] * 50, "confidence": [0.55] * 50, "median": [200.0] * 50}
    assert not any(one.significant for one in compare(better, None, [home], 0.01))
    found = compare(worse, None, [home], 0.01)
    assert {(one.measure, one.against) for one in found if one.significant} == {
        ("familiarity", HOME),
        ("confidence", HOME),
    }


def test_scans_like_those_of_one_source_are_at_home() -> None:
    sure = Home(150, {"confidence": (0.9, 0.95, 1.0)})
    unsure = Home(60, {"confidence": (0.4, 0.5, 0.6)})
    now = {"confidence": np.linspace(0.4, 0.6, 50).tolist()}
    assert compare(now, None, [sure], 0.01)[0].significant
    assert not compare(now, None, [sure, unsure], 0.01)[0].significant


def test_too_few_values_and_rare_words_are_no_evidence() -> None:
    few = LEAST_VALUES - 1
    assert compare({"median": [1.0] * few}, {"median": [9.0] * 200}, (), 0.5) == []
    # One scan each of ten sizes that were never there is less than two scans of a size.
    now = {"size": ["512 × 496"] * 49 + ["1 × 1"]}
    before = {"size": ["512 × 496"] * 200}
    assert not any(one.significant for one in compare(now, before, (), 0.001))
