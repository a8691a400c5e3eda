"""Percentiles as reports give them."""

from __future__ import annotations

import pytest

from benchmarks.report import percentile


@pytest.mark.parametrize(
    ("share", "expected"), [(1, 1), (5, 1), (50, 10), (51, 11), (95, 19), (96, 20), (100, 20)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([*range(20, 0, -1)], share) == expected


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 50) == percentile([7.0], 95) == 7.0
