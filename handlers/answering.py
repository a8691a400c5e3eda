"""How far an answer goes: which labels can't be ruled out, and whether one, a group or none of them is named.

The rules are data: those of a model's card, else those in rules.json. The first whose conditions all hold decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, TypeAdapter, ValidationInfo, with_config
from pydantic.dataclasses import dataclass as checked_dataclass
from typing_extensions import TypedDict

from handlers.checks import STRICT, Count, OneOf, Share, must_be, read_json

ANSWERED, UNDECIDED, NOT_ANSWERED = "answered", "undecided", "not_answered"
STATES = (ANSWERED, UNDECIDED, NOT_ANSWERED)
UNFAMILIAR, NO_LABEL, ONE_LABEL, ONE_GROUP, SEVERAL_LABELS, TOO_MANY, FINDINGS_CONTRADICT, NO_STATISTICS = (
    "unfamiliar",
    "no_label",
    "one_label",
    "one_group",
    "several",
    "too_many",
    "findings_contradict",
    "no_statistics",
)
REASONS = (UNFAMILIAR, NO_LABEL, ONE_LABEL, ONE_GROUP, SEVERAL_LABELS, TOO_MANY, FINDINGS_CONTRADICT)
"""What a rule may give as the reason: codes for which there are words for people. NO_STATISTICS is no rule's."""
EMPTY, ONE, GROUP, SEVERAL = "empty", "one", "group", "several"
SETS = (EMPTY, ONE, GROUP, SEVERAL)
RULES_FILE = Path(__file__).with_name("rules.json")


@with_config(STRICT)
class When(TypedDict, total=False):
    """Conditions of a rule; CONDITIONS says when each holds."""

    known: bool
    set: Annotated[str, OneOf(*SETS)]
    most: Count
    confidence_from: Share
    confidence_below: Share
    acceptable: bool
    contradicted: bool


@checked_dataclass(frozen=True, config=STRICT)
class Rule:
    """What is said `when` all of its conditions hold; `because` says why, for programs."""

    when: When
    state: Annotated[str, OneOf(*STATES)]
    because: Annotated[str, OneOf(*REASONS)]


def _complete(rules: tuple[Rule, ...], reading: ValidationInfo) -> tuple[Rule, ...]:
    # A card in memory may have none; in a file that would be a slip.
    if not rules and reading.mode == "json":
        raise must_be("a list of at least one rule")
    if rules and rules[-1].when:
        raise ValueError('the last rule must fit whatever is left: {"when": {}, …}')
    return rules


Rules = Annotated[tuple[Rule, ...], AfterValidator(_complete)]
"""Rules in their order. One for all that is left must be the last."""


@dataclass(frozen=True)
class Situation:
    """What rules look at.

    `labels` are those that can't be ruled out, most probable first; `first` is the most probable of all, `confidence`
    its probability (0 to 1). `contradicted` says whether something was found that doesn't go with it. That, `known` and
    `acceptable` are None where nobody can say.
    """

    labels: Sequence[str]
    first: str
    confidence: float
    known: bool | None
    acceptable: bool | None
    groups: Mapping[str, Sequence[str]]
    contradicted: bool | None = None

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


CONDITIONS: dict[str, Callable[[Any, Situation], bool]] = {
    "known": lambda value, situation: situation.known is value,
    "set": lambda value, situation: situation.kind == value,
    "most": lambda value, situation: len(situation.labels) <= value,
    "confidence_from": lambda value, situation: situation.confidence >= value,
    "confidence_below": lambda value, situation: situation.confidence < value,
    "acceptable": lambda value, situation: situation.acceptable is value,
    "contradicted": lambda value, situation: situation.contradicted is value,
}
"""When the words of `when` hold. `known`, `acceptable` and `contradicted` hold for neither value where nobody can say."""


def rules_from(text: str, whole: str = "rules") -> tuple[Rule, ...]:
    """Rules in a JSON text, which sentences call `whole`. Raises FieldError."""
    return read_json(TypeAdapter(Rules), text, whole)


@cache
def default_rules() -> tuple[Rule, ...]:
    """The rules for models whose card has none."""
    return rules_from(RULES_FILE.read_text(encoding="utf-8"), RULES_FILE.name)


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
    contradicted: bool | None = None,
) -> tuple[list[str], Decision]:
    """The prediction set of an answer whose most probable label is `first`, and how far the answer goes.

    `first` is told, because rounded probabilities may no longer say which label it is.
    """
    labels = prediction_set(probabilities, least)
    situation = Situation(labels, first, probabilities[first], known, acceptable, groups, contradicted)
    return labels, decide(situation, rules)


def decide(situation: Situation, rules: Sequence[Rule] = ()) -> Decision:
    """What the first rule that fits says; `rules` are a card's, else the default ones apply."""
    for rule in rules or default_rules():
        if all(CONDITIONS[name](value, situation) for name, value in rule.when.items()):
            group = situation.group if rule.state != NOT_ANSWERED else None
            return Decision(rule.state, rule.because, group)
    raise AssertionError("the last rule fits whatever is left")  # see rules_from
