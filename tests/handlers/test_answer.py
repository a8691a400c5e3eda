"""The caveats of an answer."""

from pathlib import Path

from handlers.answer import WITHOUT_STATISTICS, caveats
from handlers.card import CARD_NAME, ModelCard
from tests.models import give_statistics, make_model


def test_caveats_of_the_first_label_and_of_likely_ones(tmp_path: Path) -> None:
    told = {"DME": "Rests on simulated scans alone.", "MH": "Few patients."}
    folder = make_model(tmp_path, caveats=told)
    give_statistics(folder)
    card = ModelCard.load(folder / CARD_NAME)
    assert caveats(card, "CNV", {"DME": 0.1, "MH": 0.1, "CNV": 0.8}) == []
    assert caveats(card, "MH", {"DME": 0.25, "MH": 0.7, "CNV": 0.05}) == [
        "MH: Few patients.",
        "DME: Rests on simulated scans alone.",
    ]
    # The first label's caveat counts however unsure the model is.
    unsure = {"DME": 0.18, "MH": 0.12, "CNV": 0.1}
    assert caveats(card, "DME", unsure) == ["DME: Rests on simulated scans alone."]


def test_of_two_labels_that_look_equal_the_predicted_ones_caveat_comes_first(tmp_path: Path) -> None:
    folder = make_model(tmp_path, caveats={"DME": "Few patients."})
    give_statistics(folder)
    card = ModelCard.load(folder / CARD_NAME)
    assert caveats(card, "DME", {"CNV": 0.15, "DME": 0.15}) == ["DME: Few patients."]
    assert caveats(card, "CNV", {"CNV": 0.15, "DME": 0.15}) == []


def test_a_model_without_statistics_says_so_last_of_all(tmp_path: Path) -> None:
    card = ModelCard.load(make_model(tmp_path, caveats={"DME": "Few patients."}) / CARD_NAME)
    assert caveats(card, "DME", {"DME": 0.9}) == ["DME: Few patients.", WITHOUT_STATISTICS]
    assert caveats(card, "CNV", {"CNV": 0.9}) == [WITHOUT_STATISTICS]


def test_notes_of_the_card_come_first_with_every_answer(tmp_path: Path) -> None:
    folder = make_model(tmp_path, caveats={"DME": "Few patients."})
    give_statistics(folder, notes=("A demonstration, not for use.",))
    card = ModelCard.load(folder / CARD_NAME)
    assert caveats(card, "DME", {"DME": 0.9}) == ["A demonstration, not for use.", "DME: Few patients."]
    assert caveats(card, "CNV", {"CNV": 0.9}) == ["A demonstration, not for use."]
