"""How far the answers of a loaded model go: by its own statistics, the card's groups and rules, a local profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handlers.answer import WITHOUT_STATISTICS, Limits
from handlers.card import CARD_NAME, ModelCard
from handlers.engines.settings import EAGER, EngineSettings
from handlers.limits import Likeness, limits
from handlers.local_calibration import FOLDER_VARIABLE, Profile
from handlers.predictor import Predictor
from handlers.preprocessing import to_square
from handlers.request import Options, Request
from imaging.decoding import decode
from imaging.errors import CodedError
from tests.images import encoded, png_bytes
from tests.models import LABELS, give_statistics, make_model

STAGE = "macular degeneration, stage open"
SCANS = [png_bytes(seed=seed) for seed in range(6)]
EAGERLY = EngineSettings(EAGER)


def pooled(predictor: Predictor, scans: list[bytes]) -> Any:
    squares = [to_square(decode(scan).pixels, predictor.card.input.size) for scan in scans]
    features = predictor.engine(torch.stack(squares)).pooled
    assert features is not None
    return features.numpy()


def at_home(folder: Path, **given: Any) -> None:
    """Give the model statistics of the simple scans that tests use."""
    features = pooled(Predictor.load(folder, settings=EAGERLY), SCANS)
    spread = np.random.default_rng(0).normal(scale=features.std(axis=0) + 0.01, size=(200, features.shape[1]))
    home = (features.mean(axis=0) + spread).astype(np.float32)
    give_statistics(folder, home, **given)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows the scans of these tests."""
    made = make_model(tmp_path_factory.mktemp("store"))
    at_home(
        made,
        nearest=["a healthy eye", "a macular hole"],
        least=0.0001,
        groups={STAGE: ("AMD", "CNV", "DRUSEN")},
    )
    return made


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Predictor:
    return Predictor.load(folder, settings=EAGERLY)


def answer(predictor: Predictor, content: bytes) -> dict[str, Any]:
    (outcome,) = predictor.answer([Request(content, None, Options(explain=False))])
    assert not isinstance(outcome, CodedError), outcome
    return dict(outcome)


def test_a_scan_like_those_at_home_is_known_and_another_is_not(loaded: Predictor) -> None:
    known, strange = answer(loaded, SCANS[0]), answer(loaded, png_bytes(2000, 100, seed=3))
    assert known["familiarity"] > 0.5 and known["known"] is True
    assert strange["familiarity"] < 0.05 and strange["known"] is False
    assert (strange["state"], strange["because"]) == ("not_answered", "unfamiliar")
    assert sorted(known["nearest"]) == ["a healthy eye", "a macular hole"]
    assert WITHOUT_STATISTICS not in known["caveats"]


def test_the_set_holds_the_labels_that_cannot_be_ruled_out(loaded: Predictor) -> None:
    found = answer(loaded, SCANS[1])
    probabilities = found["probabilities"]
    expected = [
        label
        for label in sorted(LABELS, key=lambda each: -probabilities[each])
        if probabilities[label] >= 1e-4
    ]
    assert found["prediction_set"] == expected
    assert found["prediction_set"][0] == found["prediction"]["label"]


def test_each_of_a_batch_has_the_familiarity_that_it_has_alone(loaded: Predictor) -> None:
    scans = [SCANS[0], png_bytes(2000, 100, seed=3), SCANS[2]]
    outcomes: list[Any] = loaded.answer([Request(scan, options=Options(explain=False)) for scan in scans])
    for scan, outcome in zip(scans, outcomes, strict=True):
        assert outcome["familiarity"] == pytest.approx(answer(loaded, scan)["familiarity"], abs=0.02)


def test_a_local_profile_replaces_temperature_and_thresholds_while_it_is_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.local_calibration.LOOK_EVERY_S", 0.0)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    plain = Predictor.load(folder, settings=EAGERLY)
    card = plain.card
    before = answer(plain, SCANS[0])
    assert before["calibration"] is None
    profile = Profile(
        "Clinic West", card.name, card.version, card.weights_sha256, 1000.0, 1.0, dict.fromkeys(LABELS, 0.5), 60, "2026-01-01"
    )  # fmt: skip
    file = profile.save(tmp_path)
    with_profile = answer(plain, SCANS[0])
    assert with_profile["calibration"] == "Clinic West"
    assert with_profile["probabilities"] == pytest.approx(dict.fromkeys(LABELS, 1 / len(LABELS)), abs=0.01)
    assert with_profile["prediction_set"] == []
    assert with_profile["familiarity"] == before["familiarity"]
    file.unlink()
    again = answer(plain, SCANS[0])
    assert {**again, "timing_ms": 0} == {**before, "timing_ms": 0}


PROBABILITIES = {"AMD": 0.3, "CNV": 0.45, "DME": 0.05, "DRUSEN": 0.15, "MH": 0.03, "NORMAL": 0.02}


def judged(
    card: ModelCard, familiarity: float | None = 0.6, profile: Profile | None = None, **changes: float
) -> Limits:
    likeness = None if familiarity is None else Likeness(familiarity, ["a healthy eye"])
    return limits(card, likeness, profile, PROBABILITIES | changes, "CNV", acceptable=True)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    folder = make_model(tmp_path_factory.mktemp("store"))
    give_statistics(folder, least=0.1, known_from=0.05, groups={STAGE: ("AMD", "CNV", "DRUSEN")})
    return ModelCard.load(folder / CARD_NAME)


def test_labels_of_one_group_are_answered_by_the_group(card: ModelCard) -> None:
    assert judged(card) == {
        "familiarity": 0.6,
        "known": True,
        "prediction_set": ["CNV", "AMD", "DRUSEN"],
        "state": "undecided",
        "because": "one_group",
        "group": STAGE,
        "nearest": ["a healthy eye"],
        "calibration": None,
    }


def test_a_stranger_is_not_answered_whatever_the_set(card: ModelCard) -> None:
    found = judged(card, familiarity=0.049999)
    assert (found["known"], found["state"], found["because"], found["group"]) == (
        False,
        "not_answered",
        "unfamiliar",
        None,
    )
    assert judged(card, familiarity=0.05)["known"] is True


def test_a_profile_replaces_only_what_it_has(card: ModelCard) -> None:
    profile = Profile(
        "West", card.name, card.version, card.weights_sha256, 1.0, None, {"AMD": 0.4, "DRUSEN": 0.2}, 50, "2026-01-01"
    )  # fmt: skip
    found = judged(card, profile=profile)
    assert (found["prediction_set"], found["state"], found["calibration"]) == (["CNV"], "answered", "West")
    assert judged(card, familiarity=0.01, profile=profile)["known"] is False


def test_without_statistics_nothing_is_claimed(card: ModelCard) -> None:
    found = judged(card, familiarity=None)
    assert (found["state"], found["because"], found["prediction_set"], found["known"]) == (
        "answered",
        "no_statistics",
        None,
        None,
    )


def test_without_statistics_what_is_found_still_counts_against_a_label(card: ModelCard) -> None:
    for contradicted, expected in (
        (True, ("undecided", "findings_contradict")),
        (False, ("answered", "no_statistics")),
    ):
        found = limits(card, None, None, PROBABILITIES, "CNV", acceptable=True, contradicted=contradicted)
        assert (found["state"], found["because"]) == expected
        assert (found["prediction_set"], found["group"]) == (None, None)


@pytest.mark.parametrize("architecture", ["resnet18", "vit_tiny_patch16_224"])
def test_networks_that_autograd_explains_are_judged_too(tmp_path: Path, architecture: str) -> None:
    folder = make_model(tmp_path, architecture=architecture)
    at_home(folder)
    predictor = Predictor.load(folder)
    known, strange = (
        answer(predictor, SCANS[0]),
        answer(predictor, encoded(np.full((300, 300), 255, np.uint8))),
    )
    assert known["known"] is True
    assert strange["familiarity"] < known["familiarity"]
