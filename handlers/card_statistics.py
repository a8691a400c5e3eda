"""The part of a model card about its statistics: when a scan counts as known, and which labels are ruled out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import field
from typing import Annotated, Any

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from handlers.checks import STRICT, Composed, Count, Line, OneOf, Sha256, Share, must

STATISTICS_NAME = "statistics.safetensors"
"""The statistics' file beside a model's weights."""
MAHALANOBIS, NEIGHBOURS, BOTH = "mahalanobis", "neighbours", "both"
METHODS = (MAHALANOBIS, NEIGHBOURS, BOTH)
"""Measures of strangeness: distance to Gaussians of the labels, to the nearest neighbours, or the mean rank of both."""
DESCRIBING_STATISTICS = ("calibrated_on", "figures", "nearest", "outliers", "reference")
"""Fields that say how the statistics came about and what they are compared with, but change no answer."""


@dataclass(frozen=True, config=STRICT)
class SetFacts:
    """A label is ruled out below its `least` probability; `coverage` (0 to 1) of its own scans then keep it."""

    coverage: Share
    least: dict[Composed, Share]


@dataclass(frozen=True, config=STRICT)
class CalibrationScans:
    """The number of scans that a label's least probability was fitted on, and whether they are real scans."""

    scans: Count
    real: bool


@dataclass(frozen=True, config=STRICT)
class ReferenceFacts:
    """The home scans of a source, with which later scans are compared to notice drift: one of each of `patients`.

    `quantiles` has for familiarity, for confidence, and for each measure of a picture's quality, values at equal steps
    from the lowest to the highest.
    """

    patients: Annotated[int, Ge(1), must("a whole number, 1 or greater")]
    quantiles: dict[Line, tuple[float, ...]]

    def check(self, source: str) -> None:
        """Raise ValueError, naming the field, for quantiles that are no distribution."""
        for name, values in self.quantiles.items():
            if len(values) < 2 or list(values) != sorted(values):
                where = f"statistics.reference.{source}.quantiles.{name}"
                raise ValueError(f"{where} must be ascending, and two numbers or more")


@dataclass(frozen=True, config=STRICT)
class StatisticsFacts:
    """The card's part about statistics.safetensors, whose hash is `sha256`.

    A scan counts as known if its familiarity is at least `known_from` (0 to 1). `figures` are the metrics of all this.
    `nearest` describes the reference scans in the file, in their order. `outliers` has the number of scans of other
    diseases, by label, from which the outliers' direction was learnt; it is empty if there were none. `reference` has
    the home scans by source; it is empty in cards of versions before it.
    """

    sha256: Sha256
    method: Annotated[str, OneOf(*METHODS)]
    known_from: Share
    sets: SetFacts
    calibrated_on: dict[Composed, CalibrationScans]
    figures: dict[str, Any] = field(default_factory=dict)
    nearest: tuple[Line, ...] = ()
    outliers: dict[str, Count] = field(default_factory=dict)
    reference: dict[Line, ReferenceFacts] = field(default_factory=dict)

    def check_labels(self, labels: Collection[str]) -> None:
        """Raise ValueError, naming the field, for a label that is missing or not one of `labels`."""
        check_known(self.sets.least, "statistics.sets.least", labels)
        for source, facts in self.reference.items():
            facts.check(source)
        check_known(self.calibrated_on, "statistics.calibrated_on", labels)
        for label in labels:
            if label not in self.sets.least:
                raise ValueError(f"statistics.sets.least.{label} is missing: every label needs one")


def check_known(given: Iterable[str], where: str, labels: Collection[str]) -> None:
    """Raise ValueError, naming the field, for a given label that is not one of `labels`."""
    for label in given:
        if label not in labels:
            raise ValueError(f"{where}.{label} is about a label that the model doesn't know")
