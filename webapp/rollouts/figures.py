"""The figures of a shadow, for the administration: sums alone, never what was said of one scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from webapp.rollouts import sequential
from webapp.rollouts.models import ShadowAnswer
from webapp.versions.models import Rollout

MOST = 20_000
"""Answers that count, the newest."""
NONE = "none"


@dataclass(frozen=True)
class ShadowFigures:
    """How a challenger's answers compare with those that were given."""

    scans: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    agree: int = 0
    same_tier: int = 0
    tiers: tuple[tuple[str, str, int], ...] = ()
    """Changed tiers: given, in shadow, how many; the most frequent first."""
    states: tuple[tuple[str, int, int], ...] = ()
    """Each state with how often it was given, and how often the challenger has it."""
    confidence: tuple[float, float] | None = None
    """Mean confidence of what was given, and of the challenger."""
    latency_ms: tuple[float, float] | None = None
    """50th and 95th percentile of the challenger."""
    given_latency_ms: tuple[float, float] | None = None
    """The same of the champion, asked right afterwards, of one scan in five."""


def shadow_figures(shadow: Rollout) -> ShadowFigures:
    """The figures of a shadow by its newest answers."""
    rows = list(
        ShadowAnswer.objects.filter(rollout=shadow)
        .order_by("-pk")
        .values_list(
            "failure",
            "agrees",
            "same_tier",
            "given_urgency",
            "urgency",
            "given_state",
            "state",
            "given_confidence",
            "confidence",
            "ms",
            "given_ms",
        )[:MOST]
    )
    answered = [row for row in rows if not row[0]]
    if not rows:
        return ShadowFigures()
    changed = Counter((row[3] or NONE, row[4] or NONE) for row in answered if not row[2])
    given, own = Counter(row[5] or NONE for row in answered), Counter(row[6] or NONE for row in answered)
    return ShadowFigures(
        scans=len(rows),
        failures=dict(Counter(row[0] for row in rows if row[0])),
        agree=sum(bool(row[1]) for row in answered),
        same_tier=sum(bool(row[2]) for row in answered),
        tiers=tuple((before, after, count) for (before, after), count in changed.most_common()),
        states=tuple((state, given[state], own[state]) for state in sorted({*given, *own})),
        confidence=(_mean([row[7] or 0.0 for row in answered]), _mean([row[8] or 0.0 for row in answered]))
        if answered
        else None,
        latency_ms=_percentiles([row[9] for row in answered if row[9] is not None]),
        given_latency_ms=_percentiles([row[10] for row in answered if row[10] is not None]),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _percentiles(values: Sequence[float]) -> tuple[float, float] | None:
    if not values:
        return None
    return sequential.quantile_of(values, 0.5), sequential.quantile_of(values, 0.95)
