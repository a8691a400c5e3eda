"""How far the answers of a loaded model go, by the statistics, thresholds and rules of its card or a local profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from handlers.answer import Limits
from handlers.answering import ANSWERED, NO_STATISTICS, Decision, Situation, decide, judge
from handlers.card import ModelCard
from handlers.local_calibration import Profile
from handlers.statistics import Statistics

FAMILIARITY_DIGITS = 6


@dataclass(frozen=True)
class Likeness:
    """How much a scan is like those of the training: its familiarity (0 to 1), and descriptions of the nearest ones."""

    familiarity: float
    nearest: list[str]


def likenesses(statistics: Statistics, pooled: torch.Tensor) -> list[Likeness]:
    """The likeness of each scan of a batch by its pooled features (batch, channels)."""
    vectors = np.ascontiguousarray(pooled.float().cpu().numpy())
    return [
        Likeness(round(familiarity, FAMILIARITY_DIGITS), nearest)
        for familiarity, nearest in zip(
            statistics.familiarity(vectors).tolist(), statistics.nearest(vectors), strict=True
        )
    ]


def limits(
    card: ModelCard,
    likeness: Likeness | None,
    profile: Profile | None,
    probabilities: Mapping[str, float],
    first: str,
    acceptable: bool,
    contradicted: bool | None = None,
) -> Limits:
    """How far an answer goes whose most probable label is `first`; `acceptable` is the verdict on the image's quality.

    `contradicted` says whether a finding contradicts that label, None for models without a map of findings. `likeness`
    is None for models without statistics; for these, rules apply only if the label is contradicted. The values of a
    local profile replace those of the card.
    """
    calibration = profile.name if profile else None
    facts = card.statistics
    if facts is None or likeness is None:
        situation = Situation(
            [first], first, probabilities[first], None, acceptable, card.groups, contradicted
        )
        decision = decide(situation, card.rules) if contradicted else Decision(ANSWERED, NO_STATISTICS)
        return Limits(
            familiarity=None,
            known=None,
            prediction_set=None,
            state=decision.state,
            because=decision.because if decision.state != ANSWERED else NO_STATISTICS,
            group=None,
            nearest=[],
            calibration=calibration,
        )
    known_from, least = facts.known_from, facts.sets.least
    if profile:
        known_from = known_from if profile.known_from is None else profile.known_from
        least = least | profile.least
    known = likeness.familiarity >= known_from
    labels, decision = judge(
        probabilities,
        first,
        least=least,
        known=known,
        acceptable=acceptable,
        groups=card.groups,
        rules=card.rules,
        contradicted=contradicted,
    )
    return Limits(
        familiarity=likeness.familiarity,
        known=known,
        prediction_set=labels,
        state=decision.state,
        because=decision.because,
        group=decision.group,
        nearest=likeness.nearest,
        calibration=calibration,
    )
