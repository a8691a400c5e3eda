"""Everything an evaluation finds out about a model on a set of scans, as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from handlers.card import ModelCard
from training.data.manifest import Scan
from training.data.sources import is_simulated
from training.evaluation.bootstrap import intervals
from training.evaluation.figures import by_source, figures, merged, sensitivities
from training.prediction import Outputs


@dataclass(frozen=True)
class Questions:
    """What to find out besides the usual: labels that must not be missed, labels to count as one, resamples."""

    urgent: Sequence[str] = ()
    merge: Sequence[str] = ()
    resamples: int = 1000
    seed: int = 0


def assess(card: ModelCard, scans: Sequence[Scan], outputs: Outputs, questions: Questions) -> dict[str, Any]:
    """The figures of all scans, by source and of the real ones alone, with intervals, as JSON values.

    `scans` are in the order of `outputs`. Labels that the model doesn't know are left out of the questions.
    """
    labels, temperature = card.labels, card.temperature
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
    }
