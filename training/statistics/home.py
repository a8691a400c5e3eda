"""The reference statistics of a model's home scans, with which later scans are compared to notice drift."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from handlers.card import ModelCard
from handlers.card_statistics import ReferenceFacts
from handlers.statistics import Statistics
from imaging.decoding import examine
from imaging.errors import CodedError
from imaging.quality import quality
from training.data.manifest import DataError, Scan
from training.statistics.features import Embedded

LEAST_PATIENTS = 5
"""Fewer say nothing of a distribution."""
STEPS = 20
"""From the lowest to the highest value: some hundred scans say no more of a distribution."""
DIGITS = 6


def reference_facts(card: ModelCard, home: Embedded, statistics: Statistics) -> dict[str, ReferenceFacts]:
    """The quantiles of what is compared on the home scans, by source, one scan of each patient.

    Sources are kept apart: a clinic is like one of them, and no clinic like their mixture. One of fewer than
    LEAST_PATIENTS is left out. Raises DataError with the name of a scan that can't be read.
    """
    facts = {}
    for source in sorted({scan.source for scan in home.scans}):
        own = home.where(lambda scan, source=source: scan.source == source)  # type: ignore[misc]
        chosen = own.take(_first_of_each_patient(own))
        if len(chosen) >= LEAST_PATIENTS:
            facts[source or "unnamed"] = _facts_of(card, chosen, statistics)
    return facts


def _facts_of(card: ModelCard, chosen: Embedded, statistics: Statistics) -> ReferenceFacts:
    confidence = (chosen.logits / card.temperature).softmax(1).max(1).values.numpy()
    measured = [_measures(scan) for scan in chosen.scans]
    quantiles = {
        "familiarity": _quantiles(statistics.familiarity(chosen.features)),
        "confidence": _quantiles(confidence),
    }
    quantiles |= {name: _quantiles(np.array([row[name] for row in measured])) for name in measured[0]}
    return ReferenceFacts(len(chosen), quantiles)


def _first_of_each_patient(home: Embedded) -> list[int]:
    """The number of one scan of each patient; a scan without a patient is one of its own."""
    first: dict[str, int] = {}
    for number, scan in enumerate(home.scans):
        first.setdefault(scan.patient or f"scan {number}", number)
    return list(first.values())


def _measures(scan: Scan) -> dict[str, float]:
    try:
        pixels = examine(scan.path.read_bytes()).decode().pixels
    except (OSError, CodedError) as error:
        raise DataError(f"{scan.path}: can't be read ({error})") from error
    return {name: float(value) for name, value in quality(pixels)["measures"].items()}  # type: ignore[arg-type]


def _quantiles(values: npt.NDArray[np.floating]) -> tuple[float, ...]:
    at = np.quantile(values.astype(np.float64), np.linspace(0, 1, STEPS + 1))
    return tuple(round(float(value), DIGITS) for value in at)
