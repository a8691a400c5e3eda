"""Everything an evaluation finds out about a model on a set of scans, as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from handlers.card import ModelCard
from handlers.statistics import Statistics
from training.data.sources import is_simulated
from training.evaluation.baselines import baselines
from training.evaluation.bootstrap import intervals
from training.evaluation.figures import DIGITS, by_source, figures, merged, sensitivities
from training.evaluation.honesty import Said, answered, answers, right_by_groups, sets, states, strangers
from training.evaluation.selective import risk_coverage
from training.prediction import Outputs
from training.statistics.features import Embedded


@dataclass(frozen=True)
class Questions:
    """What to find out besides the usual: labels that must not be missed, labels to count as one, resamples."""

    urgent: Sequence[str] = ()
    merge: Sequence[str] = ()
    resamples: int = 1000
    seed: int = 0


def assess(
    card: ModelCard,
    embedded: Embedded,
    questions: Questions,
    statistics: Statistics | None = None,
    unknown: Embedded | None = None,
) -> dict[str, Any]:
    """The figures of all scans, by source and of the real ones alone, with intervals, as JSON values.

    `unknown` are scans whose label the model doesn't know: they tell only what would be answered to them. Labels that
    it doesn't know are left out of the questions, too.
    """
    labels, temperature = card.labels, card.temperature
    scans, outputs = embedded.scans, embedded.outputs(labels)
    real = torch.tensor([not is_simulated(scan) for scan in scans])
    partly_simulated = bool(real.any()) and not bool(real.all())
    urgent = [label for label in questions.urgent if label in labels]
    merge = [label for label in questions.merge if label in labels]
    return {
        "figures": figures(outputs, labels, temperature),
        "intervals": intervals(
            outputs,
            labels,
            temperature,
            [scan.patient for scan in scans],
            questions.resamples,
            questions.seed,
        ),
        "real": (
            figures(Outputs(outputs.logits[real], outputs.targets[real]), labels, temperature)
            if partly_simulated
            else None
        ),
        "sources": by_source(outputs, labels, temperature, [scan.source for scan in scans]),
        "sensitivities": sensitivities(outputs, labels, temperature, urgent),
        "merged": merged(outputs, labels, merge) if len(merge) > 1 else None,
        "baselines": baselines(scans),
        **honesty(card, embedded, statistics),
        "strangers": strangers(answers(card, unknown, statistics), unknown.labels.tolist())
        if unknown
        else None,
    }


def honesty(card: ModelCard, embedded: Embedded, statistics: Statistics | None) -> dict[str, Any]:
    """What would be answered, overall and by source, and how the errors lie among the surest answers."""
    said, truth = answers(card, embedded, statistics), embedded.labels.tolist()
    wrong = np.array([one.first != true for one, true in zip(said, truth, strict=True)])
    by_groups = np.array(right_by_groups(said, truth, card))
    confidence = np.array([one.confidence for one in said])
    orders = {"confidence": confidence}
    if statistics is not None:
        # Familiarity has as many steps as there are home scans; all strangers would tie at 0.
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
            "exact": answered(said, (~wrong).tolist()),
            "grouped": answered(said, by_groups.tolist()),
        },
        "states": states(said, truth, card),
        "states_by_source": {
            source: states(*_of(source, sources, said, truth), card) for source in sorted(set(sources))
        },
        "sets": sets(said, truth, card.labels),
    }


def _of(
    source: str, sources: Sequence[str], said: Sequence[Said], truth: Sequence[str]
) -> tuple[list[Said], list[str]]:
    """The answers to a source's scans, and what is true of them."""
    own = [number for number, name in enumerate(sources) if name == source]
    return [said[number] for number in own], [truth[number] for number in own]
