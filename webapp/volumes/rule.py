"""From what the model says of each B-scan to what it says of the volume. The figures are data (`rule.json`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from django.db.models import TextChoices
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

from handlers.checks import STRICT, FieldError, OneOf, Range, Text, read_values
from webapp.recommendations.answers import State

PATH = Path(__file__).with_name("rule.json")


class RuleError(Exception):
    """A rule that can't be used; the message names the file and the entry."""


@checked_dataclass(frozen=True, config=STRICT)
class Rule:
    """When a B-scan counts for its whole volume.

    One of `sure_states`, of a picture that is not doubtful, counts alone. Any other counts where so many `neighbours` in a
    row, itself one of them, are as urgent or more. What is not answered counts in any case from `not_answered_share`
    of the volume on.
    """

    version: Text
    sure_states: tuple[Annotated[str, OneOf(*State.values)], ...]
    neighbours: Annotated[int, Range(1, 1024)]
    not_answered_share: Annotated[float, Range(0, 1, above=True)]


class Because(TextChoices):
    """Why a B-scan stands for its volume."""

    SURE = "sure", "It is the most urgent of which the model is sure."
    NEIGHBOURS = (
        "neighbours",
        "Several B-scans in a row are as urgent, though the model is not sure of this one.",
    )
    MOSTLY_NOT_ANSWERED = "mostly_not_answered", "The model has not answered half of the B-scans, or more."
    NONE_COUNTS = "none_counts", "No B-scan counts for the volume by itself; this one is the most urgent."


@dataclass(frozen=True)
class Said:
    """What the model says of a B-scan. `rank` is its urgency, higher is more; `confidence` is 0 to 1."""

    place: int
    rank: int
    state: str
    doubtful: bool = False
    confidence: float = 0.0

    def is_sure(self, rule: Rule) -> bool:
        """Whether it counts alone. A prediction of a version that didn't say how far it goes is an answer."""
        return (self.state or State.ANSWERED) in rule.sure_states and not self.doubtful


@dataclass(frozen=True)
class Choice:
    """The B-scan that stands for its volume, and why."""

    said: Said
    because: Because


def choose(said: Sequence[Said], middle: int, rule: Rule) -> Choice:
    """The B-scan that stands for the volume, of all that were answered; there is at least one.

    It is never less urgent than the most urgent one that the model is sure of. Of equals it is one of which the model is
    sure, then one within most neighbours that are as urgent, then the most confident, then the one nearest to the middle.
    """
    runs = _runs(said)
    sure = [each for each in said if each.is_sure(rule)]
    found = [(each, Because.SURE) for each in sure]
    found += [
        (each, Because.NEIGHBOURS)
        for each in said
        if not each.is_sure(rule) and runs[each.place] >= rule.neighbours
    ]
    unanswered = [each for each in said if each.state == State.NOT_ANSWERED]
    if len(unanswered) >= rule.not_answered_share * len(said):
        found += [(each, Because.MOSTLY_NOT_ANSWERED) for each in unanswered]
    found = found or [(each, Because.NONE_COUNTS) for each in said]

    def order(entry: tuple[Said, Because]) -> tuple[Any, ...]:
        each, because = entry
        is_sure = because == Because.SURE
        return each.rank, is_sure, runs[each.place], each.confidence, -abs(each.place - middle)

    return Choice(*max(found, key=order))


@cache
def rule() -> Rule:
    """The rule of this installation. Raises RuleError."""
    return read()


def read(path: Path = PATH) -> Rule:
    """Read and check a rule. Raises RuleError."""
    try:
        return read_values(TypeAdapter(Rule), json.loads(path.read_text(encoding="utf-8")), "the file")
    except (OSError, ValueError, FieldError) as error:
        raise RuleError(f"{path}: {error}") from error


def _runs(said: Sequence[Said]) -> dict[int, int]:
    """For each place how many B-scans in a row around it, itself one of them, are as urgent as it is or more."""
    ranks = {each.place: each.rank for each in said}

    def reach(place: int, step: int) -> int:
        reached = place
        while ranks.get(reached + step, -1) >= ranks[place]:
            reached += step
        return abs(reached - place)

    return {place: 1 + reach(place, -1) + reach(place, 1) for place in ranks}
