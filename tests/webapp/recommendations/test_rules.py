"""From probabilities to a next step."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handlers.answering import NO_STATISTICS, REASONS
from modalities.guideline import GuidelineError, read
from modalities.reading import BUNDLED
from tests.modalities.folders import write_modality
from webapp.core import modalities
from webapp.recommendations.answers import BECAUSE, Answer
from webapp.recommendations.apps import check_modalities
from webapp.recommendations.guideline import guideline
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


def test_a_more_probable_disease_never_lowers_the_urgency(subtests: pytest.Subtests) -> None:
    rules = guideline(MODEL)
    assert rules is not None
    order = list(rules.tiers.values())
    for label in rules.steps.keys() - {"NORMAL"}:
        with subtests.test(label):
            ranks = [
                order.index(apply(rules, probabilities(**{label: value / 100}), GOOD).urgency)
                for value in range(101)
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
    for name in ("brain-mri", "../recommendations/retina-oct", ""):
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
        ("threshold: 0.15", "threshold: 1.5", "labels.CNV.threshold must be above 0 and at most 1, not 1.5"),
        ("tier: urgent", "tier: someday", "someday"),
        ("sources: [ada]", "sources: [hearsay]", "hearsay"),
        ("minimum_confidence: 0.5", "", "field minimum_confidence is missing"),
        ("minimum_confidence: 0.5", 'minimum_confidence: "0.5"', "minimum_confidence must be a number"),
        ("minimum_confidence: 0.5", "minimum_confidence: .nan", "minimum_confidence must be a number"),
        ("minimum_confidence: 0.5", "minimum_confidense: 0.5", "field minimum_confidense is not known"),
        ("    tier: soon\n    action: A clin", "    tier: later\n    action: A clin", "later"),
        ("recommends: review", "recommends: nothing", "states.not_answered.recommends must be one of"),
        (
            "    tier: soon\n    action: A clin",
            "    action: A clin",
            "states.not_answered: a review needs a tier",
        ),
        ("recommends: step\n", "recommends: step\n    tier: soon\n", "states.answered: a step has neither"),
        ("  undecided:", "  unsure:", "states must be about answered, undecided, not_answered"),
        ("  DME:\n", "  CNV:\n", "the name 'CNV' stands twice"),
        ("  DME:\n", "  NO:\n", "the name False is no text; put it in quotes"),
        (
            "  DME:\n    threshold: 0.20",
            "  DME:\n    thresold: 0.20",
            "field labels.DME.threshold is missing",
        ),
        ("action: Refer to", "action: [1]\n    unused: Refer to", "labels.CNV.action must be a text"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = tmp_path / "guideline.yaml"
    original = (BUNDLED / "oct" / "guideline.yaml").read_text()
    assert old in original
    path.write_text(original.replace(old, new))
    with pytest.raises(GuidelineError, match=named):
        read(path)


def test_the_files_that_come_with_it_are_right() -> None:
    assert check_modalities() == []


def test_a_modality_of_ones_own_needs_its_model(tmp_path: Path, settings: Any) -> None:
    settings.MODALITIES, settings.MODELS = write_modality(tmp_path), []
    assert check_modalities() == []
    settings.STORED_MODELS = ["retina-oct"]
    (error,) = check_modalities()
    assert (error.id, "there is no model fundus" in error.msg) == ("modalities.E002", True)
    settings.STORED_MODELS = ["fundus", "retina-oct"]
    assert check_modalities() == []
    assert [each.name for each in modalities.profiles()] == ["oct", "fundus"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('model = "fundus"', 'model = "retina-oct"', "a model belongs to one modality"),
        ("[[fields]]", '[groups]\na = ["DR"]\nb = ["DR"]\n[[fields]]', "the label 'DR' is in two of them"),
    ],
)
def test_modalities_that_contradict_are_refused_at_the_start(
    tmp_path: Path, settings: Any, old: str, new: str, says: str
) -> None:
    settings.MODALITIES = write_modality(tmp_path, old=old, new=new)
    (error,) = check_modalities()
    assert (error.id, says in error.msg) == ("modalities.E001", True)


def test_a_file_broken_since_the_start_costs_no_prediction(tmp_path: Path, settings: Any) -> None:
    folder = tmp_path / "another"
    shutil.copytree(BUNDLED / "oct", folder)
    written = (folder / "profile.toml").read_text()
    (folder / "profile.toml").write_text(written.replace('"retina-oct"', '"broken"'))
    (folder / "guideline.yaml").write_text("version: [")
    settings.MODALITIES = tmp_path
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


AMD_GROUP = "macular degeneration, stage open"
STRANGE = Answer("CNV", "not_answered", "unfamiliar", ("CNV",))


def test_where_the_model_has_not_answered_a_clinician_reads_it_and_no_label_comes_with_a_percentage() -> None:
    said = recommend(MODEL, probabilities(CSR=0.98), GOOD, answer=replace(STRANGE, label="CSR", labels=()))
    assert (said.urgency, said.action, said.rank) == (REVIEW_REQUIRED, "A clinician has to read it.", 3)
    assert said.reasons[0] == BECAUSE["unfamiliar"]
    assert not any("%" in reason or "CSR" in reason for reason in said.reasons)


@pytest.mark.parametrize(
    ("quality", "rank"), [(GOOD, 5), ({"acceptable": False, "reasons": ["too dark"]}, 2)]
)
def test_what_cant_be_ruled_out_brings_it_forward_but_not_on_a_doubtful_picture(
    quality: dict[str, Any], rank: int
) -> None:
    said = recommend(MODEL, probabilities(CNV=0.05), quality, answer=STRANGE)
    assert (said.urgency, said.rank) == (REVIEW_REQUIRED, rank)
    assert ("It comes earlier because this can't be ruled out: CNV." in said.reasons) is (rank == 5)


def test_an_undecided_group_gets_its_most_urgent_step_however_improbable_its_label() -> None:
    among = Answer("DRUSEN", "undecided", "one_group", ("DRUSEN", "AMD", "CNV"), AMD_GROUP)
    said = recommend(MODEL, probabilities(DRUSEN=0.5, AMD=0.4, CNV=0.1), GOOD, answer=among)
    assert said.urgency == "Urgent referral, within 1 working day"
    assert said.reasons[0] == "The model can't tell these apart here: DRUSEN, AMD, CNV."
    assert said.reasons[2].startswith("CNV at 10% (counts because it can't be ruled out)")


def test_several_labels_of_no_group_get_the_most_urgent_step_too() -> None:
    among = Answer("NORMAL", "undecided", "several", ("NORMAL", "DME"))
    said = recommend(MODEL, probabilities(DME=0.1), GOOD, answer=among)
    assert said.urgency == "Prompt referral"
    assert said.reasons[0] == "More than one label is possible: NORMAL, DME."


def test_a_model_that_judges_itself_is_sure_where_it_says_so() -> None:
    unsure = {"CSR": 0.45, "NORMAL": 0.35, "MH": 0.2}
    answered = Answer("CSR", "answered", "one_label", ("CSR",))
    assert recommend(MODEL, unsure, GOOD, answer=answered).urgency == "Soon, by the local pathway"
    for other in (Answer("CSR"), Answer("CSR", "answered", "no_statistics")):
        assert recommend(MODEL, unsure, GOOD, answer=other).urgency == REVIEW_REQUIRED


def test_an_answered_label_hides_no_urgent_one_above_its_threshold() -> None:
    answered = Answer("DRUSEN", "answered", "one_label", ("DRUSEN",))
    said = recommend(MODEL, probabilities(DRUSEN=0.7, CNV=0.2), GOOD, answer=answered)
    assert said.urgency == "Urgent referral, within 1 working day"


def test_a_label_that_its_own_findings_contradict_gets_no_step_but_a_look() -> None:
    answer = Answer("NORMAL", "undecided", "findings_contradict", ("NORMAL",))
    said = recommend(MODEL, {"NORMAL": 0.95, "CNV": 0.05}, GOOD, answer=answer)
    assert (said.urgency, said.rank) == (REVIEW_REQUIRED, 3)
    assert "what the model sees" in said.action and said.reasons[0] == answer.why


def test_without_recommendations_for_the_model_it_still_says_why_there_is_no_answer() -> None:
    said = recommend("chest-xray", {"PNEUMONIA": 0.99}, GOOD, answer=replace(STRANGE, label="PNEUMONIA"))
    assert said.reasons[0] == BECAUSE["unfamiliar"] and said.urgency == REVIEW_REQUIRED


@pytest.mark.parametrize(
    ("answer", "text", "why"),
    [
        (Answer("CNV"), "CNV", ""),
        (Answer("CNV", "answered", "one_label", ("CNV",)), "CNV", "One label fits this picture."),
        (
            Answer("AMD", "undecided", "one_group", ("AMD", "CNV"), AMD_GROUP),
            f"{AMD_GROUP} (AMD, CNV)",
            "The model can't tell these apart here: AMD, CNV.",
        ),
        (Answer("AMD", "undecided", "several", ("AMD", "MH")), "AMD or MH", "More than one label is possible: AMD, MH."),
        (
            Answer("NORMAL", "undecided", "findings_contradict", ("NORMAL",)),
            "NORMAL or something else",
            "What the model sees on this picture does not go with NORMAL: look at its findings.",
        ),
        (
            Answer("NORMAL", "undecided", "findings_contradict"),
            "NORMAL or something else",
            "What the model sees on this picture does not go with NORMAL: look at its findings.",
        ),
        (STRANGE, "Not answered", BECAUSE["unfamiliar"]),
        (Answer("CNV", "not_answered", "too bright"), "Not answered", "The model server says: too bright."),
    ],
)  # fmt: skip
def test_an_answer_says_no_more_than_the_model_has_said(answer: Answer, text: str, why: str) -> None:
    assert (answer.text, answer.why) == (text, why)


def test_every_reason_that_a_rule_can_give_has_words() -> None:
    assert set(BECAUSE) == {*REASONS, NO_STATISTICS}
