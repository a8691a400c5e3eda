"""A last layer measured on all patients in turn."""

from pathlib import Path

import pytest
import torch

from tests.training.last_layer.test_fitting import drawn, pool
from training.data.manifest import DataError, Scan
from training.evaluation.calibration import calibration_error_by_chance
from training.last_layer import folds
from training.last_layer.fitting import Examples, Layer, fit_layer

LABELS = ("CNV", "DME", "NORMAL")
EXAMPLES = drawn(3)
PATIENTS = [number // 6 for number in range(len(EXAMPLES.targets))]


def fit(examples: Examples) -> Layer:
    return fit_layer(examples, pool, len(LABELS), penalty=1.0)


def test_no_layer_has_seen_a_patient_that_it_answers_for() -> None:
    learnt_from = []

    def noted(examples: Examples) -> Layer:
        learnt_from.append({row.numpy().tobytes() for row in examples.maps})
        return fit(examples)

    outputs = folds.answers(EXAMPLES, pool, noted, PATIENTS, folds=5, seed=0)

    assert torch.equal(outputs.targets, EXAMPLES.targets)
    assert (outputs.logits.argmax(1) == EXAMPLES.targets).float().mean() > 0.85
    rows = [row.numpy().tobytes() for row in EXAMPLES.maps]
    for patient in set(PATIENTS):
        own = {row for row, its in zip(rows, PATIENTS, strict=True) if its == patient}
        # One layer answers for the patient, another one has its temperature from it.
        assert sum(not own & seen for seen in learnt_from) == 2
        assert all(own <= seen for seen in learnt_from if own & seen)


def test_each_source_has_its_figures_and_what_chance_alone_would_give() -> None:
    scans = [
        Scan(
            Path(f"{number}.png"),
            LABELS[target],
            patient=f"P{number // 6}",
            source="ab"[number // 48],
            sha256=f"{number:064}",
        )
        for number, target in enumerate(EXAMPLES.targets.tolist())
    ]
    figures = folds.measure(EXAMPLES, pool, fit, scans, LABELS, 3, seed=0)

    assert (figures["folds"], figures["scans"]) == (3, 90)
    assert {name: row["scans"] for name, row in figures["sources"].items()} == {"a": 48, "b": 42}
    assert 0 < figures["by_chance"] < figures["sources"]["a"]["by_chance"], "fewer scans, more chance"
    _, *rows = folds.table(figures).splitlines()
    assert [row.split()[:2] for row in rows] == [["all", "90"], ["a", "48"], ["b", "42"]]


def test_more_folds_than_patients_of_a_label_are_refused() -> None:
    with pytest.raises(DataError, match="--folds 16 takes as many patients of each label, and one has 15"):
        folds.answers(EXAMPLES, pool, fit, PATIENTS, folds=16, seed=0)


def test_of_many_scans_chance_alone_leaves_little() -> None:
    for count in (50, 5000):
        # All lie in one bin: the mean of |N(0, s)| is s times the square root of 2 / pi.
        spread = (0.8 * 0.2 / count) ** 0.5
        error = calibration_error_by_chance(torch.full((count,), 0.8))
        assert error == pytest.approx(spread * (2 / torch.pi) ** 0.5, rel=0.2)
