"""The candidate's ranges for int8: its own, where the version before has some and the answers stay the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from handlers import card_int8
from handlers.card import CARD_NAME, ModelCard
from handlers.card_int8 import INT8_NAME
from handlers.engines.int8 import has_instructions
from handlers.network import refuse_misfit
from tests.models import give_int8, make_model
from training.data.manifest import Scan, of_split
from training.learning import sources
from training.learning.folder import SIMULATED_NAME
from training.learning.ranges import measure_ranges_anew

NEEDED = pytest.mark.skipif(not has_instructions(), reason="the processor has no instructions for int8")


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    """A version with ranges."""
    folder = make_model(tmp_path / "before", version="2.1.0", architecture="test_convnext")
    give_int8(folder)
    return ModelCard.load(folder / CARD_NAME)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The candidate, which has none."""
    return make_model(tmp_path / "after", version="2.2.0", seed=3, architecture="test_convnext")


@pytest.fixture
def scans(tmp_path: Path, card: ModelCard) -> list[Scan]:
    """Simulated scans with masks."""
    folder = tmp_path / SIMULATED_NAME
    sources.simulate(folder, card, 5, 4, 1)
    return sources.read_simulated(folder)


@NEEDED
def test_they_are_its_own_and_the_same_again(
    card: ModelCard, model: Path, scans: list[Scan], tmp_path: Path
) -> None:
    facts = measure_ranges_anew(card, model, scans, 4, tmp_path / "cache")

    made = ModelCard.load(model / CARD_NAME).int8
    assert made is not None and card.int8 is not None
    assert made.sha256 == hashlib.sha256((model / INT8_NAME).read_bytes()).hexdigest() != card.int8.sha256
    assert (facts["blocks"], facts["scans"]) == (made.blocks, made.checks.scans) == (9, len(scans))
    assert f"int8 in 9 of 9 blocks; another first label for 0.00% of {len(scans)} scans" == facts["note"]
    refuse_misfit(model)
    # As after a kill.
    measure_ranges_anew(card, model, scans, 4, tmp_path / "cache")
    assert ModelCard.load(model / CARD_NAME).int8 == made


@NEEDED
def test_without_a_mask_there_are_none_and_a_sentence(
    card: ModelCard, model: Path, tmp_path: Path, data_set: Path
) -> None:
    scans = sources.read_data_set(data_set, card).scans
    facts = measure_ranges_anew(card, model, scans, 4, tmp_path / "cache")

    assert set(facts) == {"left_out"} and "no scan has a mask of its lesions" in facts["left_out"]
    assert ModelCard.load(model / CARD_NAME).int8 is None


@NEEDED
def test_ranges_that_change_the_answers_are_not_kept(
    card: ModelCard, model: Path, scans: list[Scan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_int8, "LEAST_CORRELATION", 2.0)  # which nothing has

    facts = measure_ranges_anew(card, model, of_split(scans, "val"), 4, tmp_path / "cache")

    assert "left_out" in facts, facts
    assert ModelCard.load(model / CARD_NAME).int8 is None and not (model / INT8_NAME).exists()


def test_where_the_version_before_has_none_the_candidate_gets_none(model: Path, tmp_path: Path) -> None:
    without = ModelCard.load(model / CARD_NAME)
    assert measure_ranges_anew(without, model, [], 4, tmp_path) == {
        "left_out": "retina-oct 2.2.0 has no ranges for int8"
    }
