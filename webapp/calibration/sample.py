"""Verified scans as arrays, and what a model goes by when it answers: what the fitting and the measuring work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from handlers.answering import Rule
from handlers.card import ModelCard

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

COVERAGE = 0.9
"""Of each label's scans, the share whose set is to hold it, for models whose card says nothing of sets."""
SMALLEST = 5e-7
"""Half of the last digit that an answer has of a probability: what stands there as 0 is less."""


@dataclass(frozen=True)
class Sample:
    """Scans with their true labels, one row each.

    `probabilities` (scans, labels) are those of the card's temperature, `truth` the columns of the true labels,
    `patients` numbers that are the same for scans of one patient, `familiarity` 0 to 1, or NaN where it is not known,
    `acceptable` whether the picture is fit to be judged (None where that is not known).
    """

    labels: tuple[str, ...]
    probabilities: Floats
    truth: Numbers
    patients: Numbers
    familiarity: Floats
    acceptable: tuple[bool | None, ...]

    def __len__(self) -> int:
        return len(self.truth)

    def of(self, chosen: npt.NDArray[np.bool_]) -> Sample:
        """The chosen rows alone."""
        return replace(
            self,
            probabilities=self.probabilities[chosen],
            truth=self.truth[chosen],
            patients=self.patients[chosen],
            familiarity=self.familiarity[chosen],
            acceptable=tuple(
                value for value, is_chosen in zip(self.acceptable, chosen, strict=True) if is_chosen
            ),
        )

    def at(self, softening: float) -> Floats:
        """The probabilities with `softening` times the card's temperature: p^(1/softening), normalised."""
        logs = np.log(np.maximum(self.probabilities, SMALLEST)) / softening
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Terms:
    """What an answer goes by: a card's own, or those with a local profile in place.

    `temperature` divides the logits. A scan is known from a familiarity of `known_from` on, and a label can be ruled
    out below its `least` probability; None for a model that has no statistics.
    """

    temperature: float
    known_from: float | None
    least: Mapping[str, float] | None
    coverage: float
    groups: Mapping[str, Sequence[str]]
    rules: tuple[Rule, ...]

    @classmethod
    def of_card(cls, card: ModelCard) -> Terms:
        """Those of the card itself."""
        statistics = card.statistics
        return cls(
            temperature=card.temperature,
            known_from=statistics.known_from if statistics else None,
            least=statistics.sets.least if statistics else None,
            coverage=statistics.sets.coverage if statistics else COVERAGE,
            groups=card.groups,
            rules=card.rules,
        )

    def with_profile(self, temperature: float, known_from: float | None, least: Mapping[str, float]) -> Terms:
        """These with what a profile puts in their place. Without statistics nothing is known or ruled out anyway."""
        return replace(
            self,
            temperature=temperature,
            known_from=self.known_from if known_from is None else known_from,
            least=None if self.least is None else {**self.least, **least},
        )
