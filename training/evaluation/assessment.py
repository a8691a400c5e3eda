"""All that an evaluation measures of a model on a set of scans, as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from handlers.card import ModelCard
from handlers.statistics import Statistics
from training.data.sources import is_simulated
from training.evaluation.answers import (
    Answer,
    answered,
    predict_answers,
    right_by_groups,
    sets,
    states,
    strangers,
)
from training.evaluation.baselines import baselines
from training.evaluation.bootstrap import intervals
from training.evaluation.metrics import DIGITS, by_source, compute_metrics, merged, sensitivities
from training.evaluation.selective import risk_coverage
from training.prediction import Outputs
from training.statistics.features import Embedded


@dataclass(frozen=True)
class AssessmentOptions:
    """Options of an evaluation.

    `urgent` are labels that must not be missed, `merge` labels to count as one in a metric of their own, `resamples`
    and `seed` those of the bootstrap.
    """

    urgent: Sequence[str] = ()
    merge: Sequence[str] = ()
    resamples: int = 1000
    seed: int = 0


def assess(
    card: ModelCard,
    embedded: Embedded,
    options: AssessmentOptions,
    statistics: Statistics | None = None,
    unknown: Embedded | None = None,
) -> dict[str, Any]:
    """The metrics of all scans, by source and of the real ones alone, with intervals, as JSON values.

    `unknown` are scans whose label the model doesn't know; only what would be answered for them is measured. Options
    may name labels that the model doesn't know; these are ignored.
    """
    labels, temperature = card.labels, card.temperature
    scans, outputs = embedded.scans, embedded.outputs(labels)
    real = torch.tensor([not is_simulated(scan) for scan in scans])
    partly_simulated = bool(real.any()) and not bool(real.all())
    urgent = [label for label in options.urgent if label in labels]
    merge = [label for label in options.merge if label in labels]
    return {
        "figures": compute_metrics(outputs, labels, temperature),
        "intervals": intervals(
            outputs,
            labels,
            temperature,
            [scan.patient for scan in scans],
            options.resamples,
            options.seed,
        ),
        "real": (
            compute_metrics(Outputs(outputs.logits[real], outputs.targets[real]), labels, temperature)
            if partly_simulated
            else None
        ),
        "sources": by_source(outputs, labels, temperature, [scan.source for scan in scans]),
        "sensitivities": sensitivities(outputs, labels, temperature, urgent),
        "merged": merged(outputs, labels, merge) if len(merge) > 1 else None,
        "baselines": baselines(scans),
        **assess_answers(card, embedded, statistics),
        "strangers": strangers(predict_answers(card, unknown, statistics), unknown.labels.tolist())
        if unknown
        else None,
    }


def assess_answers(card: ModelCard, embedded: Embedded, statistics: Statistics | None) -> dict[str, Any]:
    """What would be answered, overall and by source, and the share of errors among the surest answers."""
    answers, truth = predict_answers(card, embedded, statistics), embedded.labels.tolist()
    wrong = np.array([one.first != true for one, true in zip(answers, truth, strict=True)])
    by_groups = np.array(right_by_groups(answers, truth, card))
    confidence = np.array([one.confidence for one in answers])
    orders = {"confidence": confidence}
    if statistics is not None:
        # Familiarity is 0 for all that is stranger than the strangest home scan; strangeness still orders these.
        orders["familiarity"] = -statistics.strangeness(embedded.features)
    sources = [scan.source or "unnamed" for scan in embedded.scans]
    return {
        "grouped": {
            "groups": {name: list(members) for name, members in card.groups.items()},
            "accuracy": round(float(by_groups.mean()), DIGITS),
        }
        if card.groups
        else None,
        "risk_coverage": {
            name: {"exact": risk_coverage(order, wrong), "grouped": risk_coverage(order, ~by_groups)}
            for name, order in orders.items()
        },
        "answered": {
            "exact": answered(answers, (~wrong).tolist()),
            "grouped": answered(answers, by_groups.tolist()),
        },
        "states": states(answers, truth, card),
        "states_by_source": {
            source: states(*_of(source, sources, answers, truth), card) for source in sorted(set(sources))
        },
        "sets": sets(answers, truth, card.labels),
    }


def _of(
    source: str, sources: Sequence[str], answers: Sequence[Answer], truth: Sequence[str]
) -> tuple[list[Answer], list[str]]:
    """The answers for the scans of a source, and their true labels."""
    own = [number for number, name in enumerate(sources) if name == source]
    return [answers[number] for number in own], [truth[number] for number in own]
