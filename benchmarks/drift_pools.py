"""Patients to draw scans from, before a change and after it, for `bench drift`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.drift_answers import Answered
from webapp.drift.samples import Sample, sample_of

if TYPE_CHECKING:
    import numpy as np

Draw = Callable[[int, Any], "list[Answered]"]
"""Draws so many scans with a source of chance."""


@dataclass(frozen=True)
class Pool:
    """Scans to draw from, by patient. `weights` are the chances of patients, all the same if it is None."""

    patients: Sequence[Sequence[Answered]]
    weights: Sequence[float] | None = None

    def draw(self, count: int, noise: np.random.Generator) -> list[Answered]:
        """So many patients, each as often as chance has it, with one scan of each."""
        found = noise.choice(len(self.patients), size=count, p=self.weights)
        return [
            self.patients[number][int(noise.integers(len(self.patients[number])))]
            for number in found.tolist()
        ]


def pool_of(scans: Sequence[Answered], source: str = "") -> Pool:
    """The patients of these scans, or of one source of them."""
    by_patient: dict[str, list[Answered]] = {}
    for scan in scans:
        if source in ("", scan.source):
            by_patient.setdefault(scan.patient, []).append(scan)
    return Pool(list(by_patient.values()))


def as_before(before: Pool, after: Pool) -> Pool:
    """The patients of `after` with labels that both have, as often as in `before`."""
    labels = [Counter(patient[0].label for patient in pool.patients) for pool in (before, after)]
    kept = [patient for patient in after.patients if labels[0][patient[0].label]]
    weights = [labels[0][patient[0].label] / labels[1][patient[0].label] for patient in kept]
    return Pool(kept, [weight / sum(weights) for weight in weights])


def more(pool: Pool, label: str) -> Pool:
    """The same patients, half of the drawn ones with the label."""
    has = [patient[0].label == label for patient in pool.patients]
    return Pool(pool.patients, [0.5 / sum(has) if one else 0.5 / (len(has) - sum(has)) for one in has])


def every_fifth(before: Pool, after: Pool) -> Draw:
    """Draws patients of whom one in five is from `after`."""

    def draw(count: int, noise: np.random.Generator) -> list[Answered]:
        return [(after if number % 5 == 0 else before).draw(1, noise)[0] for number in range(count)]

    return draw


def sample_of_scans(scans: Sequence[Answered]) -> Sample:
    """The values of scans, by measure."""
    return sample_of(scan.values for scan in scans)
