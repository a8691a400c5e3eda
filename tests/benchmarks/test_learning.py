"""`bench learning`: its sums, and a small run on features that are told apart with some labels."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from benchmarks import learning
from benchmarks.errors import BenchmarkError
from benchmarks.learning import SHARES, Data, at_random, macro_f1, useful
from benchmarks.report import Report


@pytest.fixture(scope="module")
def data() -> Data:
    """Three labels, one of them rare, in clouds that touch; two scans of each patient."""
    random = np.random.default_rng(0)
    labels = np.repeat(random.choice(3, 150, p=[0.6, 0.35, 0.05]), 2)
    centres = random.normal(0, 1.2, (3, 16))
    return Data(
        features=centres[labels] + random.normal(0, 1, (300, 16)),
        labels=labels,
        patients=np.repeat(np.arange(150), 2),
        names=("CNV", "DME", "MH"),
    )


def test_macro_f1_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    true, said = random.integers(0, 4, (2, 200))
    confusion = np.zeros((4, 4))
    np.add.at(confusion, (true, said), 1)
    assert macro_f1(confusion) == pytest.approx(f1_score(true, said, average="macro"))
    # A label that doesn't occur among the true ones doesn't count.
    assert macro_f1(np.array([[3.0, 1.0], [0.0, 0.0]])) == pytest.approx(6 / 7)


def test_both_orders_begin_with_the_same_labels_and_end_at_the_whole_pool(data: Data) -> None:
    curves = {
        name: [learning._learn(data, choose, 0)]
        for name, choose in (("most useful next", useful), ("random", at_random))
    }
    (ours,), (theirs,) = curves.values()
    assert set(ours.confusions) == set(theirs.confusions) == set(SHARES)
    assert np.array_equal(ours.full, theirs.full) and ours.full.sum() == 2 * int(0.3 * 150)
    report = Report("Labels that it takes to learn")
    learning.summarise(report, curves, "300 scans")
    assert len(report.rows) == 2 * len(SHARES) + 1 and len(report.goals) == 2
    assert sum("less random" in note for note in report.notes) == len(SHARES) + 1
    same = learning._differences([ours.full, theirs.full], [ours.full, theirs.full])
    assert same == (0.0, 0.0, 0.0)


def test_a_choice_takes_as_many_as_are_wanted_and_none_twice(data: Data) -> None:
    now = learning.Round(
        probabilities=np.full((40, 3), 1 / 3),
        left=data.features[:40],
        labelled=data.features[40:60],
        patients=data.patients[:40],
        wanted=7,
        random=np.random.default_rng(0),
    )
    for choose in (useful, at_random, *learning.OTHERS.values()):
        assert len(set(choose(now))) == 7


def test_no_seeds_are_refused(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    learning.declare(parser)
    given = parser.parse_args(["--data", str(tmp_path), "--seeds", "0"])
    given.out = tmp_path
    with pytest.raises(BenchmarkError, match="--seeds"):
        learning.run(given)
