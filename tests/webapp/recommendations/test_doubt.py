"""Which pictures are doubtful, and what colour urgencies have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from webapp.core import modalities
from webapp.recommendations.colours import TABLE, colour_of
from webapp.recommendations.doubt import UNEXPLAINED, doubts_of
from webapp.recommendations.guideline import guideline
from webapp.recommendations.rules import REVIEW_RANK, REVIEW_REQUIRED, recommend

GOOD = {"acceptable": True, "reasons": []}
NOISE = {"acceptable": False, "reasons": ["It shows no layers.", "It is coloured."]}
MODEL = "retina-oct"


@pytest.mark.parametrize(
    ("quality", "doubts"),
    [
        (NOISE, ["It shows no layers.", "It is coloured."]),
        ({"acceptable": False, "reasons": []}, [UNEXPLAINED]),
        ({"acceptable": False}, [UNEXPLAINED]),
        (GOOD, []),
        ({}, []),
        (None, []),
    ],
)
def test_a_picture_is_doubtful_when_the_model_server_says_why(
    quality: dict[str, Any] | None, doubts: list[str]
) -> None:
    assert doubts_of(quality) == doubts


@pytest.mark.parametrize("label", ["CNV", "DME", "CSR", "NORMAL"])
@pytest.mark.parametrize("confidence", [0.4, 0.98])
def test_what_is_seen_on_a_doubtful_picture_makes_it_no_more_urgent(label: str, confidence: float) -> None:
    seen = {label: confidence, "DRUSEN": 1 - confidence}

    doubted = recommend(MODEL, seen, NOISE)

    assert (doubted.urgency, doubted.rank) == (REVIEW_REQUIRED, REVIEW_RANK)
    assert doubted.reasons[:2] == ("It shows no layers.", "It is coloured.")
    assert any(reason.startswith(f"{label} at") for reason in doubted.reasons) or label == "NORMAL"


def test_an_answer_that_is_unsure_of_a_good_picture_keeps_its_place() -> None:
    unsure = recommend(MODEL, {"CNV": 0.4, "DME": 0.35, "NORMAL": 0.25}, GOOD)
    sure = recommend(MODEL, {"CNV": 0.9, "NORMAL": 0.1}, GOOD)
    assert (unsure.urgency, unsure.rank) == (REVIEW_REQUIRED, sure.rank)


def test_the_same_urgency_has_the_same_colour_wherever_it_stands() -> None:
    review = {"urgency": REVIEW_REQUIRED}
    assert len({colour_of(review, rank) for rank in range(8)}) == 1
    rules = guideline(MODEL)
    assert rules is not None
    colours = [colour_of({"urgency": text}, rank) for rank, text in enumerate(rules.tiers.values(), start=1)]
    assert len({*colours, colour_of(review, 1)}) == len(rules.tiers) + 1


def test_black_letters_can_be_read_on_every_colour() -> None:
    """WCAG 2.2, criterion 1.4.6: a contrast of 7 to 1."""
    table = json.loads(TABLE.read_text())
    for colour in (table["review"], *table["tiers"]):
        assert (luminance(colour) + 0.05) / 0.05 >= 7, colour


def test_there_is_a_colour_for_every_tier_of_every_guideline() -> None:
    colours = json.loads(TABLE.read_text())["tiers"]
    for profile in modalities.profiles():
        rules = guideline(profile.model)
        assert rules is not None and len(rules.tiers) <= len(colours), profile.name


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` as WCAG defines it, 0 to 1."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
