"""What a model would answer: states, prediction sets and groups, compared with the true labels.

The code that the model server answers with (`handlers.answering`) decides, by the card's groups and rules.
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
from training.evaluation.metrics import DIGITS
from training.groups import group_of
from training.statistics.features import Embedded

SURE = 0.9
"""Confidence from which an answer counts as sure."""


@dataclass(frozen=True)
class Answer:
    """What would be answered for a scan.

    `first` is the most probable label, `confidence` its probability, `labels` are those that can't be ruled out.
    `familiarity` (0 to 1) and `labels` are None for a model without statistics.
    """

    first: str
    confidence: float
    familiarity: float | None
    labels: tuple[str, ...] | None
    decision: Decision


def predict_answers(card: ModelCard, embedded: Embedded, statistics: Statistics | None) -> list[Answer]:
    """What would be answered for each scan. A model without statistics answers them all."""
    probabilities = (embedded.logits / card.temperature).softmax(1).tolist()
    facts = card.statistics
    if facts is None or statistics is None:
        nothing = Decision(ANSWERED, NO_STATISTICS)
        return [
            Answer(card.labels[row.index(max(row))], max(row), None, None, nothing) for row in probabilities
        ]
    predicted = []
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
            acceptable=None,  # image quality is judged by the pixels, which an evaluation doesn't read again
            groups=card.groups,
            rules=card.rules,
        )
        predicted.append(Answer(first, by_label[first], familiarity, tuple(labels), decision))
    return predicted


def states(answers: Sequence[Answer], truth: Sequence[str], card: ModelCard) -> dict[str, dict[str, Any]]:
    """By state: its scans, their share, and the accuracy of its most probable labels, exactly and with groups as one.

    `set_holds_truth` is the share of prediction sets that contain the true label. Metrics are None where a state has no
    scan.
    """
    by_state = {}
    for state in STATES:
        chosen = [number for number, one in enumerate(answers) if one.decision.state == state]
        right = [answers[number].first == truth[number] for number in chosen]
        groups = [_same_group(card, answers[number].first, truth[number]) for number in chosen]
        within = [truth[number] in (answers[number].labels or ()) for number in chosen]
        by_state[state] = {
            "scans": len(chosen),
            "share": round(len(chosen) / len(answers), DIGITS),
            "accuracy": _share(right),
            "accuracy_by_groups": _share(groups),
            "set_holds_truth": _share(within),
            "because": dict(sorted(Counter(answers[number].decision.because for number in chosen).items())),
        }
    return by_state


def answered(answers: Sequence[Answer], right: Sequence[bool]) -> dict[str, float | int | None]:
    """How well the confidence of the answered scans is calibrated; `right` says whether each answer is right.

    `sure` is the share of them with a confidence from `SURE` on, and `sure_wrong` the share of those that are wrong.
    """
    chosen = [number for number, one in enumerate(answers) if one.decision.state == ANSWERED]
    if not chosen:
        return {"scans": 0, "calibration_error": None, "sure": None, "sure_wrong": None}
    confidence = torch.tensor([answers[number].confidence for number in chosen], dtype=torch.float64)
    good = torch.tensor([right[number] for number in chosen])
    sure = confidence >= SURE
    return {
        "scans": len(chosen),
        "calibration_error": round(calibration_error_of(confidence, good), DIGITS),
        "sure": round(float(sure.double().mean()), DIGITS),
        "sure_wrong": round(float((~good[sure]).double().mean()), DIGITS) if bool(sure.any()) else None,
    }


def sets(answers: Sequence[Answer], truth: Sequence[str], labels: Sequence[str]) -> dict[str, Any] | None:
    """How often prediction sets contain the true label, and their mean size, in all and by label; None without sets."""
    if any(one.labels is None for one in answers):
        return None
    sizes = np.array([len(one.labels or ()) for one in answers])
    held = np.array([true in (one.labels or ()) for one, true in zip(answers, truth, strict=True)])
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


def strangers(answers: Sequence[Answer], truth: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each label that the model does not know: its scans and the share of each state. An answered one is wrong."""
    by_label = {}
    for label in sorted(set(truth)):
        counts = Counter(
            one.decision.state for one, true in zip(answers, truth, strict=True) if true == label
        )
        total = counts.total()
        by_label[label] = {
            "scans": total,
            **{state: round(counts[state] / total, DIGITS) for state in STATES},
        }
    return by_label


def right_by_groups(answers: Sequence[Answer], truth: Sequence[str], card: ModelCard) -> list[bool]:
    """Whether the most probable label of each scan is the true one, or in its group."""
    return [_same_group(card, one.first, true) for one, true in zip(answers, truth, strict=True)]


def _same_group(card: ModelCard, first: str, true: str) -> bool:
    return group_of(card.groups, first) == group_of(card.groups, true)


def _share(values: Any) -> float | None:
    """The mean of the values, None if there are none."""
    return round(float(np.mean(values)), DIGITS) if len(values) else None
