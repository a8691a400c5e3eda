"""What a model knows, fitted on made-up features: home scans lie in one place, unfamiliar ones elsewhere."""

from pathlib import Path

import numpy as np
import pytest

from handlers.card_statistics import METHODS
from tests.training.statistics.scans import embedded, joined
from training.data.manifest import Scan
from training.statistics.features import Embedded
from training.statistics.fitting import (
    LEAST_OUTLIERS,
    MOST_REFERENCES,
    fit_tensors,
    home_scans,
    outlier_scans,
    reference_scans,
)
from training.statistics.making import known_from
from training.statistics.strangers import areas, best, judge, without_one_source

CHANNELS = 6
PLACES = {"CNV": 0, "DME": 1, "NORMAL": 2}
"""The channel in which a label's scans are bright."""


def at_home(count: int, seed: int, source: str = "octdl", shift: int = 0, split: str = "val") -> Embedded:
    """Scans of each label around a direction of its own; `shift` moves on to other channels."""
    labels = [label for label in PLACES for _ in range(count)]
    features = np.random.default_rng(seed).normal(0, 0.1, (len(labels), CHANNELS)).astype(np.float32)
    for number, label in enumerate(labels):
        features[number, PLACES[label] + shift] += 1
    return embedded(labels, features, source=source, split=split)


@pytest.mark.parametrize("method", METHODS)
def test_home_scans_are_known_and_strangers_are_not(method: str) -> None:
    home = at_home(40, seed=2)
    tensors = fit_tensors(method, at_home(40, seed=1, split="train"), home.features)
    statistics = judge(method, tensors)
    assert (statistics.familiarity(home.features) >= known_from(0.95, len(home))).mean() == 0.95
    assert 0.85 < (statistics.familiarity(at_home(40, seed=3).features) >= known_from(0.95, len(home))).mean()
    assert statistics.familiarity(at_home(10, seed=4, shift=3).features).max() == 0


def looking_like_home(count: int, seed: int) -> Embedded:
    """Scans of another disease: like CNV, but for a little that none at home has."""
    features = np.random.default_rng(seed).normal(0, 0.1, (count, CHANNELS)).astype(np.float32)
    features[:, PLACES["CNV"]] += 1
    features[:, 5] += 0.35
    return embedded(["ERM"] * count, features, split="train")


@pytest.mark.parametrize("method", METHODS)
def test_outliers_show_what_looks_like_home_and_is_not(method: str) -> None:
    reference, home = at_home(80, seed=1, split="train"), at_home(80, seed=2)
    known = known_from(0.95, len(home))

    def share_known(outliers: Embedded | None, scans: Embedded) -> float:
        tensors = fit_tensors(method, reference, home.features, outliers)
        statistics = judge(method, tensors, {"ERM": len(outliers)} if outliers else None)
        return float((statistics.familiarity(scans.features) >= known).mean())

    others, more_at_home = looking_like_home(60, seed=5), at_home(80, seed=6)
    assert share_known(None, others) > 0.2
    assert share_known(looking_like_home(60, seed=4), others) < 0.1
    assert share_known(looking_like_home(60, seed=4), more_at_home) > 0.85
    assert share_known(looking_like_home(60, seed=4), at_home(10, seed=7, shift=3)) == 0


def test_few_outliers_show_nothing() -> None:
    def scans(count: int, **options: str) -> list[Scan]:
        return [Scan(Path(f"{number}.png"), "ERM", split="train", **options) for number in range(count)]

    assert outlier_scans(scans(LEAST_OUTLIERS - 1), ["CNV"]) == []
    assert len(outlier_scans(scans(LEAST_OUTLIERS), ["CNV"])) == LEAST_OUTLIERS
    assert outlier_scans(scans(LEAST_OUTLIERS), ["CNV", "ERM"]) == []


def test_scans_that_are_all_the_same_can_be_fitted() -> None:
    same = embedded(["CNV", "NORMAL"], np.ones((2, CHANNELS), np.float32))
    tensors = fit_tensors("mahalanobis", same, same.features)
    assert np.isfinite(tensors["projection"]).all()
    assert judge("mahalanobis", tensors).familiarity(same.features).tolist() == [1, 1]


def test_no_more_references_than_can_be_looked_up_in_time() -> None:
    many = at_home(700, seed=1)
    assert fit_tensors("neighbours", many, many.features)["references"].shape == (MOST_REFERENCES, CHANNELS)


def test_strangers_are_measured_by_every_method_and_the_best_is_taken() -> None:
    reference, home = at_home(30, seed=1, split="train"), at_home(30, seed=2)
    found = areas(reference, home, {"elsewhere": at_home(10, seed=3, shift=3), "few": at_home(1, seed=4)})
    assert found == {method: {"elsewhere": 1.0} for method in METHODS}, "three scans say nothing"
    assert best({"mahalanobis": {"a": 0.7}, "neighbours": {"a": 0.9}, "both": {"a": 0.8}}) == "neighbours"
    assert best({method: {} for method in METHODS}) == METHODS[0]


def test_a_source_left_out_is_a_stranger_to_the_others() -> None:
    reference = joined(at_home(20, 1, "octdl"), at_home(20, 2, "kermany", shift=3))
    # Lesions drawn into real scans go with those, or they would give the source away.
    reference = joined(reference, at_home(5, 3, "grafted-kermany", shift=3))
    home = joined(at_home(20, 4, "octdl"), at_home(20, 5, "kermany", shift=3))
    assert without_one_source(reference, home)["mahalanobis"] == {
        "without kermany": 1.0,
        "without octdl": 1.0,
    }
    assert without_one_source(at_home(9, 1), at_home(9, 2))["both"] == {}, (
        "of one source nothing can be left out"
    )


def scan(label: str, source: str, split: str, patient: int) -> Scan:
    return Scan(Path(f"{source}{patient}.png"), label, f"{source}:{patient}", source, split)


def test_simulated_scans_stand_for_labels_of_few_patients_alone() -> None:
    real = [scan("CNV", "octdl", "train", number) for number in range(30)]
    drawn = [scan(label, "simulator", "train", 90) for label in ("CNV", "CSR")]
    held_out = [
        scan("CNV", "octdl", "val", 50),
        scan("CSR", "simulator", "val", 91),
        scan("CNV", "octdl", "test", 51),
    ]
    scans = [*real, *drawn, *held_out]
    assert reference_scans(scans) == [*real, drawn[1]]
    assert reference_scans([*real[:29], *drawn]) == [*real[:29], *drawn]
    assert home_scans(scans) == held_out[:1]
    assert home_scans([*drawn, held_out[1]]) == held_out[1:2], (
        "where nothing real is there, simulated scans are home"
    )


@pytest.mark.parametrize(
    ("share", "count", "strangers"), [(0.95, 320, 16), (0.9, 10, 1), (0.95, 4, 0), (0.5, 3, 1)]
)
def test_as_many_home_scans_are_known_as_was_asked_for(share: float, count: int, strangers: int) -> None:
    familiarities = np.arange(1, count + 1) / count
    assert (familiarities < known_from(share, count)).sum() == strangers
