"""What a model's answers would be: their states, prediction sets and groups, counted against what is true.

It is decided by the code that the model server answers with (`handlers.answering`), and by the card's groups and rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from handlers.answering import ANSWERED, NO_STATISTICS, STATES, Decision, judge
from handlers.card import ModelCard
from handlers.statistics import Statistics
from training.evaluation.calibration import calibration_error_of
from training.evaluation.figures import DIGITS
from training.groups import group_of
from training.statistics.features import Embedded

SURE = 0.9
"""Confidence from which a reader would not look for long."""


@dataclass(frozen=True)
class Said:
    """What would be answered to a scan: the most probable label with its probability, set, state and familiarity.

    `familiarity` (0 to 1) and `labels`, those that can't be ruled out, are None for a model without statistics.
    """

    first: str
    confidence: float
    familiarity: float | None
    labels: tuple[str, ...] | None
    decision: Decision


def answers(card: ModelCard, embedded: Embedded, statistics: Statistics | None) -> list[Said]:
    """What would be answered to each scan. A model without statistics answers every one."""
    probabilities = (embedded.logits / card.temperature).softmax(1).tolist()
    facts = card.statistics
    if facts is None or statistics is None:
        nothing = Decision(ANSWERED, NO_STATISTICS)
        return [
            Said(card.labels[row.index(max(row))], max(row), None, None, nothing) for row in probabilities
        ]
    said = []
    for row, familiarity in zip(
        probabilities, statistics.familiarity(embedded.features).tolist(), strict=True
    ):
        by_label = dict(zip(card.labels, row, strict=True))
        first = max(by_label, key=lambda label: by_label[label])
        labels, decision = judge(
            by_label,
            first,
            least=facts.sets.least,
            known=familiarity >= facts.known_from,
            acceptable=None,  # judged by the pixels, which an evaluation doesn't look at again
            groups=card.groups,
            rules=card.rules,
        )
        said.append(Said(first, by_label[first], familiarity, tuple(labels), decision))
    return said


def states(said: Sequence[Said], truth: Sequence[str], card: ModelCard) -> dict[str, dict[str, Any]]:
    """By state its scans, their share, and the accuracy of its most probable labels, with groups as one, too.

    `set_holds_truth` is the share of undecided answers among whose labels the true one is. None where a state has no scan.
    """
    found = {}
    for state in STATES:
        chosen = [number for number, one in enumerate(said) if one.decision.state == state]
        right = [said[number].first == truth[number] for number in chosen]
        groups = [_same_group(card, said[number].first, truth[number]) for number in chosen]
        within = [truth[number] in (said[number].labels or ()) for number in chosen]
        found[state] = {
            "scans": len(chosen),
            "share": round(len(chosen) / len(said), DIGITS),
            "accuracy": _share(right),
            "accuracy_by_groups": _share(groups),
            "set_holds_truth": _share(within),
            "because": dict(sorted(Counter(said[number].decision.because for number in chosen).items())),
        }
    return found


def answered(said: Sequence[Said], right: Sequence[bool]) -> dict[str, float | int | None]:
    """How far the confidence of the answered scans can be believed, by whether each answer is right.

    `sure` is the share of them with a confidence from `SURE` on, and `sure_wrong` the share of those that are wrong.
    """
    chosen = [number for number, one in enumerate(said) if one.decision.state == ANSWERED]
    if not chosen:
        return {"scans": 0, "calibration_error": None, "sure": None, "sure_wrong": None}
    confidence = torch.tensor([said[number].confidence for number in chosen], dtype=torch.float64)
    good = torch.tensor([right[number] for number in chosen])
    sure = confidence >= SURE
    return {
        "scans": len(chosen),
        "calibration_error": round(calibration_error_of(confidence, good), DIGITS),
        "sure": round(float(sure.double().mean()), DIGITS),
        "sure_wrong": round(float((~good[sure]).double().mean()), DIGITS) if bool(sure.any()) else None,
    }


def sets(said: Sequence[Said], truth: Sequence[str], labels: Sequence[str]) -> dict[str, Any] | None:
    """How often the sets hold the true label, and their mean size, overall and by true label; None without sets."""
    if any(one.labels is None for one in said):
        return None
    sizes = np.array([len(one.labels or ()) for one in said])
    held = np.array([true in (one.labels or ()) for one, true in zip(said, truth, strict=True)])
    by_label = {}
    for label in labels:
        own = np.array([true == label for true in truth])
        by_label[label] = {"coverage": _share(held[own]), "size": _share(sizes[own]), "scans": int(own.sum())}
    return {
        "coverage": _share(held),
        "size": _share(sizes),
        "empty": _share(sizes == 0),
        "one": _share(sizes == 1),
        "labels": by_label,
    }


def strangers(said: Sequence[Said], truth: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By label that the model does not know: its scans and the share of each state. Answered ones are wrong for sure."""
    found = {}
    for label in sorted(set(truth)):
        counts = Counter(one.decision.state for one, true in zip(said, truth, strict=True) if true == label)
        total = counts.total()
        found[label] = {
            "scans": total,
            **{state: round(counts[state] / total, DIGITS) for state in STATES},
        }
    return found


def right_by_groups(said: Sequence[Said], truth: Sequence[str], card: ModelCard) -> list[bool]:
    """Whether each most probable label is the true one or of its group."""
    return [_same_group(card, one.first, true) for one, true in zip(said, truth, strict=True)]


def _same_group(card: ModelCard, first: str, true: str) -> bool:
    return group_of(card.groups, first) == group_of(card.groups, true)


def _share(values: Any) -> float | None:
    """The mean, None of nothing."""
    return round(float(np.mean(values)), DIGITS) if len(values) else None
