"""Statistics beside the weights: how strange a scan is, its familiarity and what it is most like."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from handlers.card import CARD_NAME, ModelCard
from handlers.card_statistics import METHODS, STATISTICS_NAME, SetFacts, StatisticsFacts
from handlers.statistics import Statistics, StatisticsError, unit
from tests.models import LABELS, give_statistics, make_model, statistics_tensors

CHANNELS = 12


def facts(method: str, **others: Any) -> StatisticsFacts:
    sets = SetFacts(0.9, dict.fromkeys(LABELS, 0.1))
    made = StatisticsFacts("0" * 64, method, 0.05, sets, {})
    return replace(made, **others)


def scans(count: int, seed: int, shift: float = 0.0) -> Any:
    return (np.random.default_rng(seed).normal(size=(count, CHANNELS)) + shift).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_home_scans_are_familiar_and_strangers_are_not(method: str) -> None:
    home = scans(300, seed=1, shift=2)
    judge = Statistics(facts(method), statistics_tensors(home, method))
    at_home = judge.familiarity(scans(200, seed=2, shift=2))
    assert at_home.min() >= 0 and at_home.max() <= 1
    assert 0.35 < at_home.mean() < 0.65, "any home scan is as familiar as any other"
    assert judge.familiarity(scans(50, seed=3, shift=-2)).max() <= 0.02


def test_familiarity_is_the_share_of_home_scans_that_are_as_strange_or_stranger() -> None:
    tensors = {
        "mean": np.zeros(2, np.float32),
        "projection": 5 * np.eye(2, dtype=np.float32),
        "centres": np.array([[5, 0], [0, -5]], np.float32),
        "home": np.array([1, 15, 30, 40], np.float32),
    }
    judge = Statistics(facts("mahalanobis"), tensors)
    # Of any length: (4, 3) and (8, 6) point to (0.8, 0.6), 10 from (5, 0) once they are five times as long.
    pooled = np.array([[7, 0], [4, 3], [8, 6], [3, 4], [0, -1], [-2, 0]], np.float32)
    assert judge.strangeness(pooled).tolist() == pytest.approx([0, 10, 10, 20, 0, 50], abs=1e-4)
    assert judge.familiarity(pooled).tolist() == [1, 0.75, 0.75, 0.5, 1, 0]


def test_neighbours_are_the_ten_nearest_by_cosine() -> None:
    references = unit(scans(40, seed=4))
    judge = Statistics(
        facts("neighbours"), {"references": references.astype(np.float16), "home": np.ones(1, np.float32)}
    )
    scan = scans(1, seed=5)
    cosines = np.sort((references @ scan[0]) / np.linalg.norm(scan[0]))
    assert judge.strangeness(scan)[0] == pytest.approx(1 - cosines[-10:].mean(), abs=1e-3)
    assert judge.strangeness(5 * scan)[0] == pytest.approx(judge.strangeness(scan)[0], abs=1e-6)


def test_both_methods_give_the_mean_of_their_ranks() -> None:
    home = scans(100, seed=6)
    tensors = statistics_tensors(home, "both")
    pooled = scans(20, seed=7)
    ranks = []
    for method in ("mahalanobis", "neighbours"):
        alone = Statistics(facts(method), statistics_tensors(home, method))
        ranks.append(np.searchsorted(tensors[f"{method}_home"], alone.strangeness(pooled)) / len(home))
    found = Statistics(facts("both"), tensors).strangeness(pooled)
    assert found == pytest.approx(np.mean(ranks, axis=0), abs=1e-6)


def test_with_outliers_the_larger_of_two_ranks_counts() -> None:
    tensors = {
        "mean": np.zeros(2, np.float32),
        "projection": 5 * np.eye(2, dtype=np.float32),
        "centres": np.array([[5, 0], [0, -5]], np.float32),
        "method_home": np.array([1, 15, 30, 40], np.float32),
        "outlier_direction": np.array([0, 1], np.float32),
        "outlier_home": np.array([-1, 0.1, 0.7, 0.9], np.float32),
        "home": np.array([0, 0.25, 0.5, 0.75], np.float32),
    }
    judge = Statistics(facts("mahalanobis", outliers={"ERM": 40}), tensors)
    # Distances 0, 10, 20 are ranks 0, 1/4, 2/4; along the direction lie 0, 0.6, 0.8: ranks 1/4, 2/4, 3/4.
    pooled = np.array([[7, 0], [4, 3], [3, 4], [0, -2]], np.float32)
    assert judge.strangeness(pooled).tolist() == [0.25, 0.5, 0.75, 0]
    assert judge.familiarity(pooled).tolist() == [0.75, 0.5, 0.25, 1]
    for name in ("outlier_direction", "outlier_home", "method_home"):
        with pytest.raises(StatisticsError, match=f"the tensor {name} is missing"):
            Statistics(
                facts("mahalanobis", outliers={"ERM": 40}),
                {other: values for other, values in tensors.items() if other != name},
            )
    with pytest.raises(StatisticsError, match="not in the card"):
        Statistics(facts("mahalanobis"), tensors)


def test_a_batch_is_judged_as_its_scans_are_alone() -> None:
    judge = Statistics(facts("both"), statistics_tensors(scans(100, seed=8), "both"))
    pooled = scans(8, seed=9)
    alone = [judge.strangeness(pooled[index : index + 1])[0] for index in range(8)]
    assert judge.strangeness(pooled) == pytest.approx(alone, abs=1e-6)


def test_a_scan_without_numbers_is_as_strange_as_can_be() -> None:
    judge = Statistics(facts("mahalanobis"), statistics_tensors(scans(50, seed=1), "mahalanobis"))
    assert judge.familiarity(np.full((1, CHANNELS), np.nan, np.float32)).tolist() == [0]


def test_the_nearest_references_are_told_once_each() -> None:
    directions = np.eye(CHANNELS, dtype=np.float32)[:5]
    tensors = statistics_tensors(scans(50, seed=1), "mahalanobis") | {"nearest": directions}
    judge = Statistics(facts("mahalanobis", nearest=("A", "B", "A", "C", "D")), tensors)
    first = np.zeros((2, CHANNELS), np.float32)
    first[0, :5] = 5, 3, 4, 2, 1
    first[1, 4] = 1
    assert judge.nearest(first) == [["A", "B", "C"], ["D", "A", "B"]]
    without = Statistics(facts("mahalanobis"), statistics_tensors(scans(50, seed=1), "mahalanobis"))
    assert without.nearest(first) == [[], []]


def broken(**changes: Any) -> dict[str, Any]:
    tensors = statistics_tensors(scans(50, seed=1), "both") | changes
    return {name: values for name, values in tensors.items() if values is not None}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"home": None}, "the tensor home is missing"),
        ({"projection": None}, "the tensor projection is missing, which the method both needs"),
        ({"neighbours_home": None}, "the tensor neighbours_home is missing"),
        ({"centroids": np.ones(2, np.float32)}, "the tensor centroids is none of the method both"),
        (
            {"nearest": np.ones((1, 2), np.float32)},
            "the tensor nearest is none of the method both, or not in the card",
        ),
        ({"mean": np.ones(5, np.float32)}, r"is \[12, 12\] and should be \(C, D\) with C = 5"),
        ({"mean": np.ones((1, 12), np.float32)}, r"the tensor mean is \[1, 12\] and should be \(C\)"),
        ({"home": np.ones(0, np.float32)}, r"the tensor home is \[0\]"),
        ({"home": np.array([2, 1], np.float32)}, "home should be ascending"),
        ({"mean": np.full(12, np.nan, np.float32)}, "mean holds values that are no numbers"),
        ({"mean": np.ones(12, np.float64)}, "mean is float64 and should be float32"),
        ({"references": np.ones((3, 12), np.float32)}, "references should hold vectors of length 1"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_by_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(StatisticsError, match=told):
        Statistics(facts("both"), broken(**changes))


def test_as_many_references_as_the_card_describes() -> None:
    tensors = broken(nearest=np.eye(CHANNELS, dtype=np.float32)[:3])
    with pytest.raises(StatisticsError, match=r"nearest is \[3, 12\] and should be \(M, C\) with M = 2"):
        Statistics(facts("both", nearest=("A", "B")), tensors)


def test_statistics_are_read_by_the_hash_in_the_card(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    assert Statistics.load(folder, ModelCard.load(folder / CARD_NAME)) is None
    give_statistics(folder)
    card = ModelCard.load(folder / CARD_NAME)
    judge = Statistics.load(folder, card)
    assert judge is not None and judge.channels == 320

    file = folder / STATISTICS_NAME
    content = file.read_bytes()
    file.write_bytes(content + b" ")
    with pytest.raises(
        StatisticsError, match=rf"{STATISTICS_NAME}: not the statistics that model.json beside it"
    ):
        Statistics.load(folder, card)
    file.unlink()
    with pytest.raises(StatisticsError, match=rf"{STATISTICS_NAME}: the statistics that .* can't be read"):
        Statistics.load(folder, card)


@pytest.mark.parametrize("content", [b"", b"x" * 100, save({"home": np.ones(2, np.int64)})])
def test_a_file_of_something_else_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    folder = make_model(tmp_path)
    give_statistics(folder)
    card = ModelCard.load(folder / CARD_NAME)
    assert card.statistics is not None
    (folder / STATISTICS_NAME).write_bytes(content)
    named = replace(card, statistics=replace(card.statistics, sha256=hashlib.sha256(content).hexdigest()))
    with pytest.raises(StatisticsError, match=rf"{STATISTICS_NAME}: the (statistics are no whole|tensor)"):
        Statistics.load(folder, named)
