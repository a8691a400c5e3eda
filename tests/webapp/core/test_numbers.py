"""Numbers as people read them; tests of the page's own `format.ts` have the same examples."""

from __future__ import annotations

import random
import re

import pytest

from webapp.core.numbers import (
    area,
    length,
    length_in,
    measured_length,
    percent,
    pixel_size,
    probability,
    volume,
)


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
    ("micrometres", "written"),
    [(0.01147 * 1000, "11.47"), (3.87167, "3.872"), (1000, "1000"), (11, "11"), (0.1, "0.1")],
)
def test_a_length_has_as_many_digits_as_were_measured(micrometres: float, written: str) -> None:
    assert length(micrometres) == written


def test_each_modality_has_its_own_units() -> None:
    assert (pixel_size(143, 143, "millimetres"), length_in(10, "millimetres")) == (
        "0.143 × 0.143 mm",
        "0.01 mm",
    )
    assert (measured_length(7150, "millimetres"), measured_length(340.4, "micrometres")) == (
        "7.2 mm",
        "340 µm",
    )
    assert (area(0.008, "square millimetres"), area(1234, "square centimetres")) == ("0.008 mm²", "12.3 cm²")
    assert (volume(0.5, "square millimetres"), volume(2500, "square centimetres")) == ("0.5 mm³", "2.5 cm³")
