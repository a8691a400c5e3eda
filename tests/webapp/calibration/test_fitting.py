"""What is fitted to verified scans: temperature, sets, familiarity; and what it is worth on scans left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.webapp.calibration.conftest import excluding
from webapp.calibration.fitting import (
    LEAST_KNOWN,
    SOFTENINGS,
    By,
    fit,
    fitted_softening,
    lowest,
    rank,
    softened,
)
from webapp.calibration.measuring import FOLDS, cross_validate, folds_of, measure
from webapp.calibration.sample import Sample, Terms

LABELS = ("AMD", "CNV", "DME", "NORMAL")
CARD = Terms(
    temperature=2.0,
    known_from=0.05,
    least=dict.fromkeys(LABELS, 0.3),
    coverage=0.9,
    groups={"stage open": ("AMD", "CNV")},
    rules=(),
)


def drawn(scans: int, seed: int = 0, too_sure: float = 1.0, labels: int = 4, per_patient: int = 1) -> Sample:
    """Scans whose labels come true as often as their probabilities say, once these are softened by `too_sure`."""
    noise = np.random.default_rng(seed)
    logits = noise.normal(size=(scans, len(LABELS))) * 3
    logits[:, labels:] = -8
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.asarray([noise.choice(len(LABELS), p=row) for row in honest])
    told = np.exp(logits * too_sure)
    return Sample(
        labels=LABELS,
        probabilities=told / told.sum(axis=1, keepdims=True),
        truth=truth,
        patients=np.arange(scans) // per_patient,
        familiarity=noise.uniform(size=scans),
        acceptable=(True,) * scans,
        found=(None,) * scans,
    )


@pytest.mark.parametrize("too_sure", [0.5, 1.0, 3.0])
def test_the_temperature_makes_confidence_what_it_says(too_sure: float) -> None:
    sample = drawn(2000, too_sure=too_sure)

    fitted = fit(sample, CARD)

    assert fitted.temperature == pytest.approx(2.0 * too_sure, rel=0.12)
    after = measure(sample, CARD, CARD.with_profile(fitted.temperature, fitted.known_from, fitted.least))
    assert after.calibration_error < 0.03
    assert after.accuracy == measure(sample, CARD, CARD).accuracy, "the order of the labels stays"


def test_fifty_scans_that_are_all_right_do_not_make_it_certain() -> None:
    sample = drawn(50)
    right = replace(sample, truth=sample.probabilities.argmax(axis=1))

    assert 1.5 * SOFTENINGS[0] < fitted_softening(right) < 0.8, (
        "without its prior it is the lowest that is tried"
    )


@pytest.mark.parametrize(
    ("patients", "at"), [(0, 0), (9, 0), (16, 0), (17, 1), (29, 2), (50, 4), (200, 20), (900, 90)]
)
def test_the_threshold_leaves_room_for_chance(patients: int, at: int) -> None:
    assert rank(patients, 0.9) == at


@pytest.mark.parametrize("labels", [2, 4])
def test_sets_of_fifty_scans_hold_elsewhere_what_they_promise(labels: int) -> None:
    """On average more than 0.9, and less than 0.87 in one installation of ten at most."""
    found = []
    for seed in range(40):
        fitted = fit(drawn(50, seed, 2.0, labels), CARD)
        terms = CARD.with_profile(fitted.temperature, fitted.known_from, fitted.least)
        held = measure(drawn(1000, 1000 + seed, 2.0, labels), CARD, terms).coverage
        assert held is not None
        found.append(held)

    assert np.mean(found) >= 0.9
    assert np.mean(np.asarray(found) < 0.87) <= 0.1


def test_a_label_with_few_scans_shares_and_one_without_keeps_the_cards() -> None:
    sample = drawn(120, labels=3)
    often = sample.of((sample.truth == 0) | (np.cumsum(sample.truth != 0) <= 18))

    by = fit(often, CARD).by

    assert (by["AMD"], by["NORMAL"]) == (By.OWN, By.CARD)
    assert {by["CNV"], by["DME"]} == {By.SHARED}
    assert set(fit(drawn(12, labels=3), CARD).by.values()) == {By.ALL, By.CARD}


def test_the_cards_threshold_follows_the_temperature() -> None:
    assert softened(0.5, 3.0) == pytest.approx(0.5)
    assert softened(0.1, 1.0) == pytest.approx(0.1)
    assert 0.1 < softened(0.1, 2.0) < 0.5


def test_several_scans_of_a_patient_weigh_as_one() -> None:
    values = np.asarray([0.1, 0.1, 0.1, 0.1, 0.5, 0.6])
    patients = np.asarray([7, 7, 7, 7, 8, 9])

    assert [lowest(values, patients, at) for at in (1, 2, 3)] == [0.1, 0.5, 0.6]
    assert set(fit(drawn(60, per_patient=6), CARD).by.values()) == {By.ALL}, "sixty scans of ten patients"


@pytest.mark.parametrize(
    ("familiarity", "known_from"),
    [(0.5, 0.05), (0.02, 0.02), (0.0, LEAST_KNOWN), (np.nan, 0.05)],
    ids=["as at home", "another device", "stranger than all", "not known"],
)
def test_scans_of_another_device_become_known_and_pictures_of_anything_else_do_not(
    familiarity: float, known_from: float
) -> None:
    sample = drawn(60)
    strange = replace(sample, familiarity=np.full(60, familiarity))

    assert fit(strange, CARD).known_from == known_from


def test_a_model_without_statistics_gets_a_temperature_alone() -> None:
    plain = replace(CARD, known_from=None, least=None)

    fitted = fit(drawn(200, too_sure=2.0), plain)
    after = cross_validate(drawn(200, too_sure=2.0), plain)

    assert (fitted.known_from, fitted.least, fitted.by) == (None, {}, {})
    assert (after.coverage, after.set_size, after.states["answered"]) == (None, None, 1.0)


@pytest.mark.parametrize(
    "card", [CARD, replace(CARD, known_from=None, least=None)], ids=["statistics", "none"]
)
def test_answers_that_findings_contradict_do_not_count_as_answered(card: Terms) -> None:
    said = drawn(200)
    sure = replace(said, probabilities=np.eye(4)[np.arange(200) % 4], familiarity=np.full(200, 0.5))
    fluid = replace(sure, truth=np.full(200, 1), found=(frozenset({"fluid_within"}),) * 200)
    with_map = replace(card, findings=excluding("NORMAL"))

    found = measure(fluid, with_map, with_map)

    assert found.states == {"answered": 0.75, "undecided": 0.25, "not_answered": 0.0}, "NORMAL is not"
    assert found.right_of_answered == pytest.approx(1 / 3, abs=1e-4)
    assert cross_validate(fluid, with_map).states["answered"] <= 0.75
    for plain, terms in (
        (sure, with_map),
        (fluid, card),
        (replace(sure, found=(frozenset(),) * 200), with_map),
    ):
        assert measure(plain, terms, terms).states["answered"] == 1


def test_no_patient_is_on_both_sides_and_each_label_on_all() -> None:
    sample = drawn(200, per_patient=2)

    folds = folds_of(sample)

    assert set(folds) == set(range(FOLDS))
    assert all(len(set(folds[sample.patients == patient])) == 1 for patient in set(sample.patients))
    for label in range(len(LABELS)):
        assert set(folds[sample.truth == label]) == set(range(FOLDS))


def test_before_and_after_on_scans_left_out() -> None:
    sample = drawn(300, too_sure=3.0)

    before, after = measure(sample, CARD, CARD), cross_validate(sample, CARD)

    assert before.scans == after.scans == 300
    assert before.calibration_error > 0.1 > after.calibration_error
    assert after.log_loss < before.log_loss
    assert before.coverage is not None and after.coverage is not None
    assert before.coverage < 0.87 <= after.coverage
    assert sum(after.states.values()) == pytest.approx(1, abs=1e-3)
    assert sum(found.scans for found in after.labels.values()) == 300
    assert after.right_of_answered is not None and after.right_of_answered >= before.accuracy
