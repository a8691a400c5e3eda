"""How far an answer goes: which labels can't be ruled out, and whether the answer is a label, a group or none.

The rules are data: those of a model's card, or else those in rules.json. The first rule whose conditions all hold
decides.
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
"""Codes that a rule may give as the reason; each has a text for people. No rule gives NO_STATISTICS."""
EMPTY, ONE, GROUP, SEVERAL = "empty", "one", "group", "several"
SETS = (EMPTY, ONE, GROUP, SEVERAL)
RULES_FILE = Path(__file__).with_name("rules.json")


@with_config(STRICT)
class When(TypedDict, total=False):
    """The conditions of a rule; CONDITIONS says when each holds."""

    known: bool
    set: Annotated[str, OneOf(*SETS)]
    most: Count
    confidence_from: Share
    confidence_below: Share
    acceptable: bool
    contradicted: bool


@checked_dataclass(frozen=True, config=STRICT)
class Rule:
    """The state of an answer `when` all conditions hold; `because` is the code of the reason."""

    when: When
    state: Annotated[str, OneOf(*STATES)]
    because: Annotated[str, OneOf(*REASONS)]


def _complete(rules: tuple[Rule, ...], reading: ValidationInfo) -> tuple[Rule, ...]:
    # A card in memory may have no rules; an empty list in a file is a mistake.
    if not rules and reading.mode == "json":
        raise must_be("a list of at least one rule")
    if rules and rules[-1].when:
        raise ValueError('the last rule must fit all cases that are left: {"when": {}, …}')
    return rules


Rules = Annotated[tuple[Rule, ...], AfterValidator(_complete)]
"""Rules in their order. The last one must have no conditions."""


@dataclass(frozen=True)
class Situation:
    """The facts that conditions of rules are about.

    `labels` are those that can't be ruled out, most probable first; `first` is the most probable of all, `confidence`
    its probability (0 to 1). `contradicted` says whether a finding contradicts it. `known`, `acceptable` and
    `contradicted` are None if the model can't tell.
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
        """`empty`, `one` (just the most probable label), `group` (two or more, all of one group) or `several`."""
        if not self.labels:
            return EMPTY
        if list(self.labels) == [self.first]:
            return ONE
        return GROUP if self.group else SEVERAL

    @property
    def group(self) -> str | None:
        """The group that holds all labels, if these are two or more."""
        if len(self.labels) < 2:
            return None
        return next((name for name, labels in self.groups.items() if set(self.labels) <= set(labels)), None)


@dataclass(frozen=True)
class Decision:
    """How far an answer goes: its `state`, the code of the reason, and the group that is the answer, if any."""

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
"""When each condition holds. `known`, `acceptable` and `contradicted` hold for no value if the model can't tell."""


def rules_from(text: str, whole: str = "rules") -> tuple[Rule, ...]:
    """Read rules from a JSON text, which error messages call `whole`. Raises FieldError."""
    return read_json(TypeAdapter(Rules), text, whole)


@cache
def default_rules() -> tuple[Rule, ...]:
    """The rules for models whose card has none."""
    return rules_from(RULES_FILE.read_text(encoding="utf-8"), RULES_FILE.name)


def prediction_set(probabilities: Mapping[str, float], least: Mapping[str, float]) -> list[str]:
    """The labels that can't be ruled out, most probable first: those that reach their `least` probability.

    If any label does, the most probable one is added. Otherwise a less probable label might be left as the only one.
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

    `first` is a parameter, as after rounding several probabilities may be the highest.
    """
    labels = prediction_set(probabilities, least)
    situation = Situation(labels, first, probabilities[first], known, acceptable, groups, contradicted)
    return labels, decide(situation, rules)


def decide(situation: Situation, rules: Sequence[Rule] = ()) -> Decision:
    """Decide by the first rule that fits; without `rules` of a card the default ones apply."""
    for rule in rules or default_rules():
        if all(CONDITIONS[name](value, situation) for name, value in rule.when.items()):
            group = situation.group if rule.state != NOT_ANSWERED else None
            return Decision(rule.state, rule.because, group)
    raise AssertionError("the last rule has no conditions")  # see _complete
