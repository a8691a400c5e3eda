"""From probabilities to a next step."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from webapp.recommendations.apps import check_files
from webapp.recommendations.guideline import FOLDER, GuidelineError, guideline, read
from webapp.recommendations.rules import REVIEW_REQUIRED, apply, recommend

GOOD = {"acceptable": True, "reasons": []}
MODEL = "retina-oct"


def probabilities(**given: float) -> dict[str, float]:
    """The given labels, and the rest on NORMAL."""
    return {"NORMAL": 1 - sum(given.values()), **given}


def test_the_most_urgent_label_above_its_threshold_decides_not_the_first() -> None:
    said = recommend(MODEL, probabilities(DRUSEN=0.7, CNV=0.2), GOOD)
    assert said.urgency == "Urgent referral, within 1 working day"
    assert "macular service within 1 working day" in said.action
    assert said.reasons[0].startswith("CNV at 20%")
    assert said.reasons[1].startswith("DRUSEN at 70%")
    assert said.sources[0].title.startswith("NICE guideline NG82")


def test_below_its_threshold_a_label_does_not_count() -> None:
    said = recommend(MODEL, probabilities(DRUSEN=0.8, CNV=0.14), GOOD)
    assert said.urgency == "Routine follow-up"


def test_a_normal_scan_needs_no_referral_and_excludes_nothing() -> None:
    said = recommend(MODEL, probabilities(CNV=0.01), GOOD)
    assert said.urgency == "No OCT-driven referral"
    assert "does not exclude disease" in said.action


@pytest.mark.parametrize("label", ["CNV", "DME", "MH", "AMD", "DR", "CSR", "DRUSEN"])
def test_a_more_probable_disease_never_lowers_the_urgency(label: str) -> None:
    rules = guideline(MODEL)
    assert rules is not None
    order = list(rules.tiers.values())
    ranks = [
        order.index(apply(rules, probabilities(**{label: value / 100}), GOOD).urgency) for value in range(101)
    ]
    assert ranks == sorted(ranks)


def test_low_confidence_needs_a_clinician_and_still_says_what_was_seen() -> None:
    said = recommend(MODEL, {"CNV": 0.4, "DME": 0.35, "NORMAL": 0.25}, GOOD)
    assert said.urgency == REVIEW_REQUIRED
    assert "not sure" in said.reasons[0]
    assert any(reason.startswith("CNV at 40%") for reason in said.reasons)


def test_poor_quality_needs_a_clinician() -> None:
    said = recommend(MODEL, probabilities(), {"acceptable": False, "reasons": ["too dark"]})
    assert said.urgency == REVIEW_REQUIRED
    assert "too dark" in said.reasons[0]


def test_a_model_without_a_file_needs_a_clinician() -> None:
    for name in ("chest-xray", "../recommendations/retina-oct", ""):
        said = recommend(name, {"PNEUMONIA": 0.99}, GOOD)
        assert said.urgency == REVIEW_REQUIRED


def test_every_recommendation_says_that_it_is_research_and_not_signed_off() -> None:
    said = recommend(MODEL, probabilities(CNV=0.9), GOOD)
    assert "Research software: this is not a diagnosis." in said.reasons
    assert any("not been signed off" in reason for reason in said.reasons)
    assert said.version


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("threshold: 0.15", "threshold: 1.5", "CNV: threshold"),
        ("tier: urgent", "tier: someday", "someday"),
        ("sources: [ada]", "sources: [hearsay]", "hearsay"),
        ("minimum_confidence: 0.5", "", "minimum_confidence"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = tmp_path / "retina-oct.yaml"
    original = (FOLDER / "retina-oct.yaml").read_text()
    assert old in original
    path.write_text(original.replace(old, new))
    with pytest.raises(GuidelineError, match=named):
        read(path)
    assert [named in error.msg for error in check_files(tmp_path)] == [True]


def test_the_files_that_come_with_it_are_right() -> None:
    assert [path.stem for path in FOLDER.glob("*.yaml")] == [MODEL]
    assert check_files() == []


def test_a_file_broken_since_the_start_costs_no_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.recommendations.guideline.FOLDER", tmp_path)
    (tmp_path / "broken.yaml").write_text("version: [")
    said = recommend("broken", {"CNV": 0.9, "NORMAL": 0.1}, GOOD)
    assert said.urgency == REVIEW_REQUIRED
    assert "can't be used" in said.reasons[0]


@pytest.mark.parametrize(("probability", "counts"), [(0.6, True), (0.2, True), (0.1, False)])
def test_a_label_that_the_file_does_not_know_needs_a_clinician(probability: float, counts: bool) -> None:
    said = recommend(MODEL, probabilities(GLAUCOMA=probability), GOOD)
    assert (said.urgency == REVIEW_REQUIRED) is counts
    assert any("no recommendation for GLAUCOMA" in reason for reason in said.reasons) is counts


@pytest.mark.parametrize("seed", range(10))
def test_every_label_above_its_threshold_is_heard_and_more_of_it_never_lowers_the_urgency(seed: int) -> None:
    rules = guideline(MODEL)
    assert rules is not None
    order = list(rules.tiers.values())
    chance = random.Random(seed)
    diseases = [label for label in rules.steps if label != "NORMAL"]
    compared = 0
    for _ in range(300):
        first, second, third = chance.sample(diseases, 3)
        given = probabilities(
            **{
                first: chance.uniform(0, 0.7),
                second: chance.uniform(0, 0.2),
                third: chance.uniform(0, 0.1),
            }
        )
        before = apply(rules, given, GOOD)
        label = chance.choice([first, second, third])
        more = chance.uniform(0, given["NORMAL"])
        after = apply(rules, given | {label: given[label] + more, "NORMAL": given["NORMAL"] - more}, GOOD)
        if REVIEW_REQUIRED in (before.urgency, after.urgency):
            continue
        compared += 1
        assert order.index(after.urgency) >= order.index(before.urgency)
        for step in rules.steps.values():
            if given.get(step.label, 0) >= step.threshold:
                assert order.index(before.urgency) >= rules.rank(step)
    assert compared > 50


def test_a_models_caveats_stand_among_the_reasons_and_change_no_tier() -> None:
    caveat = "CNV: Rests on simulated scans alone."
    plain = recommend(MODEL, probabilities(CNV=0.9), GOOD)
    warned = recommend(MODEL, probabilities(CNV=0.9), GOOD, [caveat])
    assert caveat in warned.reasons and caveat not in plain.reasons
    assert (warned.urgency, warned.action) == (plain.urgency, plain.action)


@pytest.mark.parametrize("model", [MODEL, "chest-xray"])
def test_a_models_caveats_are_told_without_a_tier_too(model: str) -> None:
    caveat = "CNV: Rests on simulated scans alone."
    said = recommend(model, {"CNV": 0.4, "NORMAL": 0.6}, {"acceptable": False, "reasons": []}, [caveat])
    assert said.urgency == REVIEW_REQUIRED
    assert caveat in said.reasons
