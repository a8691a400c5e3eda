"""What a fine-tuned version's card says of labels that few patients were known of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from handlers.card import CARD_NAME, ModelCard
from tests.models import make_model
from training.data.manifest import Scan
from training.learning import describing
from training.learning.sources import Sources


@pytest.fixture
def first(tmp_path: Path) -> ModelCard:
    """A version that learnt macular holes from 10 patients."""
    caveat = "Trained on real scans of 10 patients only; it may well be wrong."
    card = ModelCard.load(make_model(tmp_path, version="2.1.0", caveats={"MH": caveat}) / CARD_NAME)
    return replace(card, data={"sources": [], "counts": {"train": {"MH": {"scans": 30, "patients": 10}}}})


def verified(patients: int) -> Sources:
    """A data set with a scan of a macular hole of each of so many patients."""
    scans = [
        Scan(Path(f"{number}.png"), "MH", f"p{number}", "clinic", "train", sha256=f"{number:064}")
        for number in range(patients)
    ]
    return Sources(scans, [], False)


def fine_tuned(before: ModelCard, version: str, patients: int) -> ModelCard:
    """The card of a version that learnt from so many patients after the one before."""
    found = verified(patients)
    return replace(
        before,
        version=version,
        data=describing.data_of(found, before),
        caveats=describing.caveats_of(found, before),
    )


def test_the_same_patients_count_once_however_often_they_are_learnt_from(first: ModelCard) -> None:
    second = fine_tuned(first, "2.2.0", 16)
    third = fine_tuned(second, "2.3.0", 16)
    fourth = fine_tuned(third, "2.4.0", 17)

    said = [card.caveats.get("MH") for card in (second, third, fourth)]
    assert said == [
        f"Trained on real scans of {patients} patients only; it may well be wrong."
        for patients in (26, 26, 27)
    ]


def test_with_enough_patients_the_caveat_goes(first: ModelCard) -> None:
    second = fine_tuned(first, "2.2.0", 16)

    assert fine_tuned(second, "2.3.0", 20).caveats == {}


def test_a_label_of_which_nothing_was_verified_keeps_its_caveat(first: ModelCard) -> None:
    assert fine_tuned(first, "2.2.0", 0).caveats == first.caveats
