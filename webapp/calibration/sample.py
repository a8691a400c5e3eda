"""Verified scans as arrays, and the terms by which a model answers: the input of fitting and measuring."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
import numpy.typing as npt

from handlers.answering import Rule
from handlers.card import ModelCard
from handlers.card_findings import FindingsFacts

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

COVERAGE = 0.9
"""The share of each label's scans whose set shall hold it, for models whose card says nothing of sets."""
SMALLEST = 5e-7
"""Half of the last digit of a probability in an answer: one that was rounded to 0 is smaller."""


@dataclass(frozen=True)
class Sample:
    """Scans with their true labels, one row each.

    `probabilities` (scans, labels) are at the card's temperature; `truth` holds the columns of the true labels;
    `patients` are numbers, equal for scans of one patient; `familiarity` is 0 to 1, NaN where it is not known;
    `acceptable` says whether the picture is fit to be judged, None where that is not known; `found` holds the kinds of
    findings that the model found, None where it has not looked for any.
    """

    labels: tuple[str, ...]
    probabilities: Floats
    truth: Numbers
    patients: Numbers
    familiarity: Floats
    acceptable: tuple[bool | None, ...]
    found: tuple[frozenset[str] | None, ...]

    def __len__(self) -> int:
        return len(self.truth)

    def of(self, chosen: npt.NDArray[np.bool_]) -> Sample:
        """The sample of the chosen rows (a mask)."""
        return replace(
            self,
            probabilities=self.probabilities[chosen],
            truth=self.truth[chosen],
            patients=self.patients[chosen],
            familiarity=self.familiarity[chosen],
            acceptable=tuple(compress(self.acceptable, chosen)),
            found=tuple(compress(self.found, chosen)),
        )

    def at(self, softening: float) -> Floats:
        """The probabilities (scans, labels) at `softening` times the card's temperature: p^(1/softening), scaled."""
        logs = np.log(np.maximum(self.probabilities, SMALLEST)) / softening
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Terms:
    """The terms by which a model answers: those of its card, or with a local profile in their place.

    `temperature` divides the logits. A scan is known from a familiarity of `known_from` on, and a label can be ruled
    out below its `least` probability; None for a model that has no statistics.
    """

    temperature: float
    known_from: float | None
    least: Mapping[str, float] | None
    coverage: float
    groups: Mapping[str, Sequence[str]]
    rules: tuple[Rule, ...]
    findings: FindingsFacts | None = None

    @classmethod
    def of_card(cls, card: ModelCard) -> Terms:
        """The terms of the card itself."""
        statistics = card.statistics
        return cls(
            temperature=card.temperature,
            known_from=statistics.known_from if statistics else None,
            least=statistics.sets.least if statistics else None,
            coverage=statistics.sets.coverage if statistics else COVERAGE,
            groups=card.groups,
            rules=card.rules,
            findings=card.findings,
        )

    def contradicted(self, label: str, found: Collection[str] | None) -> bool | None:
        """Whether the kinds that were found contradict a label; None where none were looked for."""
        if self.findings is None or found is None:
            return None
        return self.findings.contradicts(label, found)

    def with_profile(self, temperature: float, known_from: float | None, least: Mapping[str, float]) -> Terms:
        """These terms with a profile's in their place. A model without statistics still has no sets."""
        return replace(
            self,
            temperature=temperature,
            known_from=self.known_from if known_from is None else known_from,
            least=None if self.least is None else {**self.least, **least},
        )
