"""The guardrails of a canary: what they are (`guardrails.toml`), and what they say of counts and times."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

from handlers.checks import STRICT, Count, Range, Text, read_values
from webapp.rollouts import sequential

PATH = Path(__file__).with_name("guardrails.toml")
QUANTILE = 0.95
MOST_USUAL = 0.8
"""A share that is usual is taken for no more than this, so that there is room for one that is too high."""
Share = Annotated[float, Range(0, 0.5, above=True)]


class GuardrailError(Exception):
    """A file of guardrails that can't be used; the message names the entry."""


@checked_dataclass(frozen=True, config=STRICT)
class ShareGuardrail:
    """A share that must not be far above what is usual."""

    title: Text
    of: Text
    floor: Share
    more: Share
    compared_with: Count
    stops: Share
    passes: Share
    reason: Text

    def shares(self, reference: Counted) -> tuple[float, float]:
        """The share that is usual, by the champion's counts, and the one that is too high."""
        known = reference.of >= self.compared_with > 0
        usual = min(MOST_USUAL, max(self.floor, reference.share if known else 0.0))
        return usual, min(0.99, usual + self.more)


@checked_dataclass(frozen=True, config=STRICT)
class TimeGuardrail:
    """A time whose 95th percentile must not be far above the champion's."""

    title: Text
    times: Annotated[float, Range(1, 100)]
    more_ms: Annotated[float, Range(0, 10_000)]
    least: Annotated[int, Range(60, 10_000)]
    chance: Share
    reason: Text


@checked_dataclass(frozen=True, config=STRICT)
class Guardrails:
    """All of them, by their names."""

    errors: ShareGuardrail
    tiers: ShareGuardrail
    readers: ShareGuardrail
    strangers: ShareGuardrail
    latency: TimeGuardrail


class Finding(StrEnum):
    """What a guardrail says."""

    FINE = "fine"
    UNDECIDED = "undecided"
    BREACHED = "breached"


@dataclass(frozen=True)
class Counted:
    """Hits among so many."""

    hits: int = 0
    of: int = 0

    @property
    def share(self) -> float:
        """From 0 to 1; 0 of none."""
        return self.hits / self.of if self.of else 0.0


@dataclass(frozen=True)
class Judged:
    """What a guardrail says of a canary: its finding, the figures in words, and what is missing where it is undecided."""

    name: str
    title: str
    finding: Finding
    figures: str
    missing: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data, as it is stored."""
        return {**asdict(self), "finding": self.finding.value}


@cache
def guardrails() -> Guardrails:
    """The guardrails of this installation. Raises GuardrailError."""
    try:
        values = tomllib.loads(PATH.read_text(encoding="utf-8"))
        return read_values(TypeAdapter(Guardrails), values, PATH.name)
    except (OSError, ValueError) as error:
        raise GuardrailError(f"{PATH.name} can't be used: {error}") from error


def judge_share(
    name: str,
    rule: ShareGuardrail,
    canary: Counted,
    champion: Counted,
    in_order: Sequence[bool] | None = None,
) -> Judged:
    """What a guardrail says of a canary's share beside its champion's.

    With `in_order`, the canary's last outcomes (true for a hit), it also notices what has just begun.
    """
    usual, too_high = rule.shares(champion)
    ratio = sequential.log_ratio(canary.hits, canary.of, usual, too_high)
    reached = ratio if in_order is None else sequential.log_sum(in_order, usual, too_high)
    figures = (
        f"{canary.share:.0%} of {canary.of} {rule.of}, where {usual:.0%} is usual and {too_high:.0%} too many"
    )
    if reached >= -math.log(rule.stops):
        return Judged(name, rule.title, Finding.BREACHED, figures)
    if ratio <= math.log(rule.passes):
        return Judged(name, rule.title, Finding.FINE, figures)
    least = sequential.least_clean(usual, too_high, rule.passes)
    more = f"at least {least} are needed" if canary.of < least else "more are needed to tell"
    return Judged(
        name,
        rule.title,
        Finding.UNDECIDED,
        figures,
        f"{rule.title}: {canary.of} {rule.of} so far ({canary.hits} that count against it); {more}.",
    )


def judge_time(name: str, rule: TimeGuardrail, canary: Sequence[float], champion: Sequence[float]) -> Judged:
    """What the guardrail of latency says of a canary's times beside its champion's, in milliseconds."""
    fewest = min(len(canary), len(champion))
    if fewest < rule.least:
        return Judged(
            name,
            rule.title,
            Finding.UNDECIDED,
            f"{len(canary)} answers, and {len(champion)} of the champion",
            f"{rule.title}: {len(canary)} answers of the canary and {len(champion)} of the champion so far; at least "
            f"{rule.least} of each are needed.",
        )
    low, _ = sequential.quantile_bounds(canary, QUANTILE, rule.chance)
    _, high = sequential.quantile_bounds(champion, QUANTILE, rule.chance)
    own, other = sequential.quantile_of(canary, QUANTILE), sequential.quantile_of(champion, QUANTILE)
    figures = (
        f"{own:.0f} ms, and {other:.0f} ms of the champion, of {len(canary)} and {len(champion)} answers"
    )
    # Where the champion's bound lies beyond what was seen, its slowest answer stands for it.
    limit = rule.times * (high if math.isfinite(high) else max(champion)) + rule.more_ms
    if low > limit:
        return Judged(name, rule.title, Finding.BREACHED, figures)
    if own <= rule.times * other + rule.more_ms:
        return Judged(name, rule.title, Finding.FINE, figures)
    return Judged(
        name,
        rule.title,
        Finding.UNDECIDED,
        figures,
        f"{rule.title}: {figures}; more answers are needed to tell whether that is too slow.",
    )
