"""Which probability rules a label out."""

import numpy as np
import pytest

from tests.training.statistics.scans import LABELS, embedded, joined
from training.statistics.sets import fit_sets, least_probability, least_scans


def test_a_tenth_of_the_scans_may_lose_their_label_and_one_more_counts_as_lost() -> None:
    nineteen = [number / 100 for number in range(1, 20)]
    assert least_probability(nineteen, 0.9) == 0.02, "of 20 two may be lost: the unseen one and 0.01"
    assert least_probability(nineteen[:9], 0.9) == 0.01
    assert least_probability(nineteen[:8], 0.9) == 0.0, "nothing can be promised with eight"
    assert least_scans(0.9) == 9 and least_scans(0.95) == 19


def test_what_is_promised_holds_for_scans_that_nothing_was_fitted_on() -> None:
    random = np.random.default_rng(1)
    held = []
    for _ in range(400):
        least = least_probability(random.beta(4, 2, 25).tolist(), 0.9)
        held.append((random.beta(4, 2, 50) >= least).mean())
    assert 0.9 <= np.mean(held) < 0.94


def test_each_label_gets_its_own_least_probability() -> None:
    easy = embedded(["NORMAL"] * 20, probabilities=np.linspace(0.9, 0.99, 20).tolist())
    hard = embedded(["CNV"] * 20, probabilities=np.linspace(0.1, 0.9, 20).tolist())
    more = embedded(["DME"] * 20, probabilities=np.linspace(0.5, 0.6, 20).tolist())

    sets, used = fit_sets(joined(easy, hard, more), LABELS, temperature=1.0, coverage=0.9)

    assert sets.least["CNV"] == pytest.approx(0.1 + 0.8 / 19, abs=1e-3), "the second of its 20"
    # Not more than all labels together need: the sixth of the 60 is one of CNV, too.
    assert sets.least["DME"] == sets.least["NORMAL"] == pytest.approx(0.1 + 5 * 0.8 / 19, abs=1e-3)
    assert {label: (used[label].scans, used[label].real) for label in LABELS} == dict.fromkeys(
        LABELS, (20, True)
    )


def test_a_label_with_few_real_scans_rests_on_simulated_ones_too() -> None:
    real = embedded(["DME"] * 3 + ["NORMAL"] * 12, probabilities=[0.8] * 15)
    drawn = embedded(
        ["CNV"] * 10 + ["DME"] * 10 + ["NORMAL"] * 10,
        probabilities=[0.9] * 10 + [0.6] * 20,
        source="simulator",
    )

    sets, used = fit_sets(joined(real, drawn), LABELS, temperature=1.0, coverage=0.9)

    assert (used["CNV"].scans, used["CNV"].real) == (10, False)
    assert (used["DME"].scans, used["DME"].real) == (13, False)
    assert (used["NORMAL"].scans, used["NORMAL"].real) == (12, True)
    assert sets.least["CNV"] == pytest.approx(0.9, abs=1e-3), "no real scan says that it needs less"
    assert sets.least["DME"] == pytest.approx(0.6, abs=1e-3)
    assert sets.least["NORMAL"] == pytest.approx(0.8, abs=1e-3)


def test_a_label_without_enough_scans_is_never_ruled_out() -> None:
    sets, used = fit_sets(embedded(["CNV"] * 4, probabilities=[0.9] * 4), LABELS, 1.0, 0.9)
    assert sets.least == dict.fromkeys(LABELS, 0.0)
    assert (used["DME"].scans, used["DME"].real) == (0, False)
