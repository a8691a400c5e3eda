"""Agreement beyond chance, against examples of the literature."""

from __future__ import annotations

import pytest

from webapp.dashboard.kappa import cohen, fleiss


def test_cohens_kappa_of_fifty_proposals() -> None:
    # 20 times both say yes, 15 times both no, 5 and 10 times they differ: 0.7 observed, 0.5 by chance.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen(first, second) == pytest.approx(0.4)


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
    assert fleiss(readings) == pytest.approx(0.210, abs=0.0005)


def test_full_agreement_is_one_and_opposite_labels_less_than_chance() -> None:
    assert cohen(["a", "b"], ["a", "b"]) == 1
    assert fleiss([["a", "a"], ["b", "b"]]) == 1
    opposite = cohen(["a", "b"], ["b", "a"])
    assert opposite is not None and opposite < 0


def test_it_is_not_defined_without_scans_or_with_one_label_alone() -> None:
    assert cohen([], []) is None and fleiss([]) is None
    assert cohen(["a", "a"], ["a", "a"]) is None
    assert fleiss([["a", "a"], ["a", "a"]]) is None
