"""What would be answered, counted on answers that are given."""

from dataclasses import replace
from pathlib import Path

import pytest

from handlers.answering import ANSWERED, NOT_ANSWERED, ONE_GROUP, ONE_LABEL, UNDECIDED, UNFAMILIAR, Decision
from handlers.card import ModelCard
from tests.models import make_model
from training.evaluation.answers import Answer, answered, right_by_groups, sets, states, strangers

GROUP = "macular degeneration"


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    folder: Path = make_model(tmp_path_factory.mktemp("store"))
    return replace(ModelCard.load(folder / "model.json"), groups={GROUP: ("AMD", "CNV", "DRUSEN")})


def said(first: str, state: str, labels: tuple[str, ...], confidence: float = 0.95) -> Answer:
    because = {ANSWERED: ONE_LABEL, UNDECIDED: ONE_GROUP, NOT_ANSWERED: UNFAMILIAR}[state]
    return Answer(first, confidence, 0.5, labels, Decision(state, because))


ANSWERS = [
    said("CNV", ANSWERED, ("CNV",)),
    said("CNV", ANSWERED, ("CNV",), confidence=0.8),
    said("CNV", UNDECIDED, ("CNV", "AMD")),
    said("DME", NOT_ANSWERED, ("DME",)),
]
TRUTH = ["CNV", "AMD", "AMD", "MH"]


def test_each_state_is_counted_exactly_and_by_groups(card: ModelCard) -> None:
    found = states(ANSWERS, TRUTH, card)
    assert found[ANSWERED] == {
        "scans": 2,
        "share": 0.5,
        "accuracy": 0.5,
        "accuracy_by_groups": 1.0,
        "set_holds_truth": 0.5,
        "because": {"one_label": 2},
    }
    assert (found[UNDECIDED]["accuracy"], found[UNDECIDED]["set_holds_truth"]) == (0.0, 1.0)
    assert found[NOT_ANSWERED]["accuracy_by_groups"] == 0.0
    assert right_by_groups(ANSWERS, TRUTH, card) == [True, True, True, False]
    assert states(ANSWERS[:1], TRUTH[:1], card)[UNDECIDED]["accuracy"] is None


def test_sets_are_counted_by_what_is_true(card: ModelCard) -> None:
    found = sets(ANSWERS, TRUTH, card.labels)
    assert found is not None and (found["coverage"], found["size"], found["one"]) == (0.5, 1.25, 0.75)
    assert found["labels"]["AMD"] == {"coverage": 0.5, "size": 1.5, "scans": 2}
    assert found["labels"]["NORMAL"] == {"coverage": None, "size": None, "scans": 0}
    assert sets([replace(ANSWERS[0], labels=None)], TRUTH[:1], card.labels) is None


def test_confidence_is_held_against_the_answered_scans_alone() -> None:
    found = answered(ANSWERS, [True, False, False, False])
    assert found == {"scans": 2, "calibration_error": 0.425, "sure": 0.5, "sure_wrong": 0.0}
    assert answered(ANSWERS[3:], [False])["calibration_error"] is None


def test_labels_that_the_model_lacks_are_counted_by_state() -> None:
    assert strangers(ANSWERS, ["ERM", "ERM", "RVO", "ERM"])["ERM"] == {
        "scans": 3,
        ANSWERED: 0.6667,
        UNDECIDED: 0.0,
        NOT_ANSWERED: 0.3333,
    }
