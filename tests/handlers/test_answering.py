"""How far an answer goes: sets of labels, groups, and the rules that choose the state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from handlers.answering import Decision, Rule, Situation, decide, default_rules, prediction_set, rules_from
from handlers.checks import FieldError

STAGE = "macular degeneration, stage open"
GROUPS = {STAGE: ("AMD", "CNV", "DRUSEN"), "diabetic retinal disease": ("DR", "DME")}


def rules_of(content: Any) -> tuple[Rule, ...]:
    return rules_from(json.dumps(content))


def situation(labels: Sequence[str], first: str = "CNV", **others: Any) -> Situation:
    facts: dict[str, Any] = {"confidence": 0.6, "known": True, "acceptable": True, "groups": GROUPS}
    return Situation(labels=labels, first=first, **facts | others)


def test_a_set_holds_what_reaches_its_own_least_probability_most_probable_first() -> None:
    least = {"AMD": 0.2, "CNV": 0.2, "DME": 0.05, "NORMAL": 0.3}
    probabilities = {"AMD": 0.1, "CNV": 0.2, "DME": 0.06, "NORMAL": 0.64}
    assert prediction_set(probabilities, least) == ["NORMAL", "CNV", "DME"]
    assert prediction_set({label: 0.04 for label in least}, least) == []


def test_no_label_is_left_alone_that_is_less_probable_than_another() -> None:
    least = {"NORMAL": 0.5, "DRUSEN": 0.02, "CNV": 0.6}
    assert prediction_set({"NORMAL": 0.4, "DRUSEN": 0.3, "CNV": 0.3}, least) == ["NORMAL", "DRUSEN"]


@pytest.mark.parametrize(
    ("labels", "others", "decided"),
    [
        (["CNV"], {}, Decision("answered", "one_label")),
        (["CNV"], {"known": False}, Decision("not_answered", "unfamiliar")),
        (["CNV", "AMD"], {"known": False}, Decision("not_answered", "unfamiliar")),
        ([], {}, Decision("not_answered", "no_label")),
        (["CNV", "AMD"], {}, Decision("undecided", "one_group", STAGE)),
        (["DR", "DME"], {"first": "DR"}, Decision("undecided", "one_group", "diabetic retinal disease")),
        (["CNV", "DME"], {}, Decision("undecided", "several")),
        (["CNV", "DME", "MH"], {}, Decision("undecided", "several")),
        (["CNV", "DME", "MH", "CSR"], {}, Decision("not_answered", "too_many")),
        (["CNV"], {"contradicted": True}, Decision("undecided", "findings_contradict")),
        (["CNV"], {"contradicted": False}, Decision("answered", "one_label")),
        (["CNV"], {"contradicted": True, "known": False}, Decision("not_answered", "unfamiliar")),
        (["CNV", "AMD"], {"contradicted": True}, Decision("undecided", "one_group", STAGE)),
        # A single label that is not the most probable one is no plain answer.
        (["DME"], {}, Decision("undecided", "several")),
    ],
)
def test_the_default_rules(labels: list[str], others: dict[str, Any], decided: Decision) -> None:
    assert decide(situation(labels, **others)) == decided


def test_a_cards_own_rules_come_in_their_place() -> None:
    rules = rules_of(
        [
            {"when": {"acceptable": False}, "state": "not_answered", "because": "unfamiliar"},
            {
                "when": {"set": "one", "confidence_from": 0.5, "confidence_below": 0.9},
                "state": "undecided",
                "because": "several",
            },
            {"when": {}, "state": "answered", "because": "one_label"},
        ]
    )
    assert decide(situation(["CNV"], acceptable=False), rules).because == "unfamiliar"
    assert decide(situation(["CNV"], confidence=0.5), rules).state == "undecided"
    assert decide(situation(["CNV"], confidence=0.9), rules).state == "answered"
    assert decide(situation(["CNV"], confidence=0.49), rules).state == "answered"


def test_what_nobody_can_say_fits_neither_value() -> None:
    rules = rules_of(
        [
            {"when": {"known": False}, "state": "not_answered", "because": "unfamiliar"},
            {"when": {"known": True}, "state": "answered", "because": "one_label"},
            {"when": {}, "state": "undecided", "because": "several"},
        ]
    )
    assert decide(situation(["CNV"], known=None), rules).state == "undecided"


LAST: dict[str, Any] = {"when": {}, "state": "answered", "because": "one_label"}


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([], "at least one rule"),
        ({}, "rules must be a list"),
        ([LAST | {"when": {"known": True}}], "the last rule must fit all cases that are left"),
        ([LAST | {"state": "maybe"}], r"rules\[0\].state must be one of: answered, undecided, not_answered"),
        ([LAST | {"because": "so"}], r"rules\[0\].because must be one of: unfamiliar, "),
        ([LAST | {"because": ["unfamiliar"]}], r"rules\[0\].because must be one of"),
        ([LAST | {"text": "x"}], r"field rules\[0\].text is not known"),
        ([{"when": {}, "state": "answered"}], r"field rules\[0\].because is missing"),
        ([LAST | {"when": {"known": 1}}, LAST], r"rules\[0\].when.known must be true or false"),
        ([LAST, LAST | {"when": {"set": "two"}}, LAST], r"rules\[1\].when.set must be one of: empty, one"),
        ([LAST | {"when": {"most": 2.5}}, LAST], "when.most must be a whole number"),
        ([LAST | {"when": {"confidence_from": 60}}, LAST], "when.confidence_from must be from 0 to 1"),
        ([LAST | {"when": {"weather": "bad"}}, LAST], "when.weather is not known"),
    ],
)
def test_rules_that_cannot_be_used_are_refused_by_field(rules: Any, told: str) -> None:
    with pytest.raises(FieldError, match=told):
        rules_of(rules)


def test_the_default_rules_decide_every_situation() -> None:
    assert default_rules()[-1].when == {}
