"""What a card says of the statistics beside the weights: by what a scan is known, and which labels are ruled out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import field
from typing import Annotated, Any

from pydantic.dataclasses import dataclass

from handlers.checks import STRICT, Composed, Count, Line, OneOf, Sha256, Share

STATISTICS_NAME = "statistics.safetensors"
"""The file beside a model's weights."""
MAHALANOBIS, NEIGHBOURS, BOTH = "mahalanobis", "neighbours", "both"
METHODS = (MAHALANOBIS, NEIGHBOURS, BOTH)
"""How strange a scan is: its distance to Gaussians of the labels, to its nearest neighbours, or the mean rank of both."""


@dataclass(frozen=True, config=STRICT)
class SetFacts:
    """A label can be ruled out below its `least` probability; `coverage` (0 to 1) of each label's scans then keep theirs."""

    coverage: Share
    least: dict[Composed, Share]


@dataclass(frozen=True, config=STRICT)
class CalibrationScans:
    """How many scans a label's least probability was fitted on, and whether they are real ones."""

    scans: Count
    real: bool


@dataclass(frozen=True, config=STRICT)
class StatisticsFacts:
    """The card's part about statistics.safetensors, whose hash is `sha256`.

    A scan is known from a familiarity of `known_from` (0 to 1) on. `figures` are what was measured of all this;
    `nearest` describes the reference scans in the file, in its order. `outliers` are the scans, counted by their
    labels, from which was learnt what none of the model's labels looks like; empty where none were at hand.
    """

    sha256: Sha256
    method: Annotated[str, OneOf(*METHODS)]
    known_from: Share
    sets: SetFacts
    calibrated_on: dict[Composed, CalibrationScans]
    figures: dict[str, Any] = field(default_factory=dict)
    nearest: tuple[Line, ...] = ()
    outliers: dict[str, Count] = field(default_factory=dict)

    def check_labels(self, labels: Collection[str]) -> None:
        """Raise ValueError, naming the field, where this is not about a model with these labels."""
        check_known(self.sets.least, "statistics.sets.least", labels)
        check_known(self.calibrated_on, "statistics.calibrated_on", labels)
        for label in labels:
            if label not in self.sets.least:
                raise ValueError(f"statistics.sets.least.{label} is missing: every label needs one")


def check_known(given: Iterable[str], where: str, labels: Collection[str]) -> None:
    """Raise ValueError, naming the field, for a label that a model with these labels doesn't know."""
    for label in given:
        if label not in labels:
            raise ValueError(f"{where}.{label} is about a label that the model doesn't know")
