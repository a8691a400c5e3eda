"""Numbers as people read them; tests of the page's own `format.ts` have the same examples."""

from __future__ import annotations

import random
import re

import pytest

from webapp.core.numbers import micrometres, percent, probability


@pytest.mark.parametrize(
    ("share", "decimals", "written"),
    [
        (0, 0, "0%"),
        (1e-9, 0, "<1%"),
        (0.0049, 0, "<1%"),
        (0.005, 0, "1%"),
        (0.145, 0, "15%"),
        (0.5, 0, "50%"),
        (0.994, 0, "99%"),
        (0.995, 0, ">99%"),
        (0.996, 0, ">99%"),
        (0.999999, 0, ">99%"),
        (1, 0, "100%"),
        (1.0, 0, "100%"),
        (0.0004, 1, "<0.1%"),
        (0.996, 1, "99.6%"),
        (0.9996, 1, ">99.9%"),
    ],
)
def test_a_share_never_reads_as_more_or_less_than_it_is(share: float, decimals: int, written: str) -> None:
    assert percent(share, decimals) == written


def test_only_all_is_100_percent_and_only_nothing_is_0() -> None:
    chance = random.Random(0)
    for share in (chance.random() ** chance.choice((1, 9, 1 / 9)) for _ in range(2000)):
        said = percent(share)
        assert said not in ("0%", "100%") and re.fullmatch(r"[<>]?\d{1,2}%", said), share


@pytest.mark.parametrize(("value", "written"), [(1.0, ">99%"), (0.0, "<1%"), (0.98, "98%")])
def test_a_probability_is_never_all_or_nothing(value: float, written: str) -> None:
    """The model server rounds it; what is left out is not known to be nothing."""
    assert probability(value) == written


@pytest.mark.parametrize(
    ("length", "written"),
    [(0.01147 * 1000, "11.47"), (3.87167, "3.872"), (1000, "1000"), (11, "11"), (0.1, "0.1")],
)
def test_a_length_has_as_many_digits_as_were_measured(length: float, written: str) -> None:
    assert micrometres(length) == written
