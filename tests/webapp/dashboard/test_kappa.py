"""Agreement beyond chance, against examples of the literature."""

from __future__ import annotations

import pytest

from webapp.dashboard.intervals import LEAST_SCANS, wilson
from webapp.dashboard.kappa import Kappa, cohen, fleiss


def value(found: Kappa | None) -> float:
    assert found is not None
    return found.value


def test_cohens_kappa_of_fifty_proposals() -> None:
    # 20 times both say yes, 15 times both no, 5 and 10 times they differ: 0.7 observed, 0.5 by chance.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert value(cohen(first, second)) == pytest.approx(0.4)


def test_fleiss_kappa_of_the_example_with_fourteen_raters() -> None:
    # Ten subjects, five categories, fourteen raters each: 0.210.
    table = [
        (0, 0, 0, 0, 14),
        (0, 2, 6, 4, 2),
        (0, 0, 3, 5, 6),
        (0, 3, 9, 2, 0),
        (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0),
        (3, 2, 6, 3, 0),
        (2, 5, 3, 2, 2),
        (6, 5, 2, 1, 0),
        (0, 2, 2, 3, 7),
    ]
    readings = [[name for name, n in zip("abcde", row, strict=True) for _ in range(n)] for row in table]
    assert value(fleiss(readings)) == pytest.approx(0.210, abs=0.0005)


def test_full_agreement_is_one_and_opposite_labels_less_than_chance() -> None:
    assert value(cohen(["a", "b"], ["a", "b"])) == 1
    assert value(fleiss([["a", "a"], ["b", "b"]])) == 1
    assert value(cohen(["a", "b"], ["b", "a"])) == -1


def test_it_is_not_defined_without_scans_or_with_one_label_alone() -> None:
    assert cohen([], []) is None and fleiss([]) is None
    assert cohen(["a", "a"], ["a", "a"]) is None
    assert fleiss([["a", "a"], ["a", "a"]]) is None


@pytest.mark.parametrize(
    ("share", "count", "interval"),
    [
        # Newcombe 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I.
        (81 / 263, 263, (0.2553, 0.3662)),
        (15 / 148, 148, (0.0624, 0.1605)),
        (0 / 20, 20, (0.0, 0.1611)),
        (1 / 29, 29, (0.0061, 0.1718)),
    ],
)
def test_wilsons_interval_of_the_literature(share: float, count: int, interval: tuple[float, float]) -> None:
    assert wilson(share, count) == pytest.approx(interval, abs=0.00005)


def test_full_agreement_has_an_interval_too_which_is_wide_for_few_scans() -> None:
    labels = ["a", "b"] * 10
    of_all, of_two = cohen(labels, labels), cohen(labels[:2], labels[:2])
    assert of_all and of_two
    assert of_all.value == 1 and of_all.high == pytest.approx(1)
    assert of_two.low < 0 < of_all.low < 0.7
    fleiss_of_all = fleiss(list(zip(labels, labels, strict=True)))
    assert fleiss_of_all == of_all


def test_from_the_least_scans_on_full_agreement_is_told_from_the_next_class() -> None:
    class_of_kappa = 0.2
    assert 1 - wilson(1, LEAST_SCANS)[0] < class_of_kappa < 1 - wilson(1, 15)[0]


def test_kappa_lies_in_its_interval_which_stays_within_its_bounds() -> None:
    for scans in (1, 2, 3, 20, 200):
        for agreeing in range(scans + 1):
            first = ["a", "b", "c"] * scans
            second = first[:agreeing] + first[agreeing + 1 :] + first[:1]
            found = cohen(first[:scans], second[:scans])
            assert found is None or -1 <= found.low <= found.value <= found.high <= 1 + 1e-12
