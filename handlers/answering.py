"""How far an answer goes: which labels can't be ruled out, and whether one, a group or none of them is named.

The rules are data: those of a model's card, else those in rules.json. The first whose conditions all hold decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from handlers.checks import (
    FieldError,
    checked_count,
    checked_flag,
    checked_object,
    checked_share,
    one_of,
)

ANSWERED, UNDECIDED, NOT_ANSWERED = "answered", "undecided", "not_answered"
STATES = (ANSWERED, UNDECIDED, NOT_ANSWERED)
UNFAMILIAR, NO_LABEL, ONE_LABEL, ONE_GROUP, SEVERAL_LABELS, TOO_MANY, NO_STATISTICS = (
    "unfamiliar",
    "no_label",
    "one_label",
    "one_group",
    "several",
    "too_many",
    "no_statistics",
)
REASONS = (UNFAMILIAR, NO_LABEL, ONE_LABEL, ONE_GROUP, SEVERAL_LABELS, TOO_MANY)
"""What a rule may give as the reason: codes for which there are words for people. NO_STATISTICS is no rule's."""
EMPTY, ONE, GROUP, SEVERAL = "empty", "one", "group", "several"
SETS = (EMPTY, ONE, GROUP, SEVERAL)
RULES_FILE = Path(__file__).with_name("rules.json")


@dataclass(frozen=True)
class Rule:
    """What is said `when` all of its conditions hold; `because` says why, for programs."""

    when: dict[str, Any]
    state: str
    because: str

    @classmethod
    def from_dict(cls, content: object, what: str) -> Rule:
        """A rule as JSON has it; raises FieldError, which calls the rule `what`."""
        rule = checked_object(content, what, ("when", "state", "because"))
        when = checked_object(rule["when"], f"{what}.when", CONDITIONS, optional=CONDITIONS)
        return cls(
            when={
                name: CONDITIONS[name].checked(value, f"{what}.when.{name}") for name, value in when.items()
            },
            state=one_of(rule["state"], f"{what}.state", STATES),
            because=one_of(rule["because"], f"{what}.because", REASONS),
        )


@dataclass(frozen=True)
class Situation:
    """What rules look at.

    `labels` are those that can't be ruled out, most probable first; `first` is the most probable of all, `confidence`
    its probability (0 to 1); `known` and `acceptable` are None where nobody can say.
    """

    labels: Sequence[str]
    first: str
    confidence: float
    known: bool | None
    acceptable: bool | None
    groups: Mapping[str, Sequence[str]]

    @property
    def kind(self) -> str:
        """`empty`, `one` (just the most probable label), `group` (two or more, all of one group), else `several`."""
        if not self.labels:
            return EMPTY
        if list(self.labels) == [self.first]:
            return ONE
        return GROUP if self.group else SEVERAL

    @property
    def group(self) -> str | None:
        """The group that holds all of two or more labels."""
        if len(self.labels) < 2:
            return None
        return next((name for name, labels in self.groups.items() if set(self.labels) <= set(labels)), None)


@dataclass(frozen=True)
class Decision:
    """How far the answer goes: its `state`, the reason's code, and the group that is the answer, if one is."""

    state: str
    because: str
    group: str | None = None


@dataclass(frozen=True)
class _Condition:
    """A word of `when`: how its value is checked, and whether it holds."""

    checked: Callable[[object, str], Any]
    holds: Callable[[Any, Situation], bool]


CONDITIONS: dict[str, _Condition] = {
    "known": _Condition(checked_flag, lambda value, situation: situation.known is value),
    "set": _Condition(
        lambda value, what: one_of(value, what, SETS), lambda value, situation: situation.kind == value
    ),
    "most": _Condition(checked_count, lambda value, situation: len(situation.labels) <= value),
    "confidence_from": _Condition(checked_share, lambda value, situation: situation.confidence >= value),
    "confidence_below": _Condition(checked_share, lambda value, situation: situation.confidence < value),
    "acceptable": _Condition(checked_flag, lambda value, situation: situation.acceptable is value),
}
"""The words of `when`. `known` and `acceptable` hold for neither value where nobody can say."""


def rules_from(content: object, what: str = "rules") -> tuple[Rule, ...]:
    """Rules as JSON has them. Raises FieldError; one for all that is left must be the last."""
    if not isinstance(content, list) or not content:
        raise FieldError(f"{what} must be a list of at least one rule")
    rules = tuple(Rule.from_dict(rule, f"{what}[{number}]") for number, rule in enumerate(content))
    if rules[-1].when:
        raise FieldError(f'{what}: the last rule must fit whatever is left: {{"when": {{}}, …}}')
    return rules


@cache
def default_rules() -> tuple[Rule, ...]:
    """The rules for models whose card has none."""
    return rules_from(json.loads(RULES_FILE.read_text(encoding="utf-8")), RULES_FILE.name)


def prediction_set(probabilities: Mapping[str, float], least: Mapping[str, float]) -> list[str]:
    """The labels that can't be ruled out, most probable first: those that have at least their `least` probability.

    The most probable one can't be ruled out either where another is left: it would name a label as the only one
    possible of which the model thinks less.
    """
    ordered = sorted(probabilities, key=lambda label: -probabilities[label])
    left = [label for label in ordered if probabilities[label] >= least[label]]
    return left if not left or ordered[0] in left else [ordered[0], *left]


def judge(
    probabilities: Mapping[str, float],
    first: str,
    *,
    least: Mapping[str, float],
    known: bool | None,
    acceptable: bool | None,
    groups: Mapping[str, Sequence[str]],
    rules: Sequence[Rule],
) -> tuple[list[str], Decision]:
    """The prediction set of an answer whose most probable label is `first`, and how far the answer goes.

    `first` is told, because rounded probabilities may no longer say which label it is.
    """
    labels = prediction_set(probabilities, least)
    situation = Situation(labels, first, probabilities[first], known, acceptable, groups)
    return labels, decide(situation, rules)


def decide(situation: Situation, rules: Sequence[Rule] = ()) -> Decision:
    """What the first rule that fits says; `rules` are a card's, else the default ones apply."""
    for rule in rules or default_rules():
        if all(CONDITIONS[name].holds(value, situation) for name, value in rule.when.items()):
            group = situation.group if rule.state != NOT_ANSWERED else None
            return Decision(rule.state, rule.because, group)
    raise AssertionError("the last rule fits whatever is left")  # see rules_from
