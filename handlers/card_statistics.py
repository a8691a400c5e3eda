"""What a card says of the statistics beside the weights: by what a scan is known, and which labels are ruled out."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from handlers.checks import (
    FieldError,
    checked_count,
    checked_flag,
    checked_line,
    checked_mapping,
    checked_object,
    checked_sha256,
    checked_share,
    checked_texts,
    one_of,
)

STATISTICS_NAME = "statistics.safetensors"
"""The file beside a model's weights."""
MAHALANOBIS, NEIGHBOURS, BOTH = "mahalanobis", "neighbours", "both"
METHODS = (MAHALANOBIS, NEIGHBOURS, BOTH)
"""How strange a scan is: its distance to Gaussians of the labels, to its nearest neighbours, or the mean rank of both."""


@dataclass(frozen=True)
class SetFacts:
    """A label can be ruled out below its `least` probability; `coverage` (0 to 1) of each label's scans then keep theirs."""

    coverage: float
    least: dict[str, float]


@dataclass(frozen=True)
class CalibrationScans:
    """How many scans a label's least probability was fitted on, and whether they are real ones."""

    scans: int
    real: bool


@dataclass(frozen=True)
class StatisticsFacts:
    """The card's part about statistics.safetensors, whose hash is `sha256`.

    A scan is known from a familiarity of `known_from` (0 to 1) on. `figures` are what was measured of all this;
    `nearest` describes the reference scans in the file, in its order. `outliers` are the scans, counted by their
    labels, from which was learnt what none of the model's labels looks like; empty where none were at hand.
    """

    sha256: str
    method: str
    known_from: float
    sets: SetFacts
    calibrated_on: dict[str, CalibrationScans]
    figures: dict[str, Any] = field(default_factory=dict)
    nearest: tuple[str, ...] = ()
    outliers: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, content: object, labels: Collection[str], what: str = "statistics") -> StatisticsFacts:
        """The facts as JSON has them, for a model with these labels. Raises FieldError."""
        names = {known.name for known in fields(cls)}
        facts = checked_object(content, what, names, optional={"figures", "nearest", "outliers"})
        sets = checked_object(facts["sets"], f"{what}.sets", ("coverage", "least"))
        calibrated = checked_mapping(facts["calibrated_on"], f"{what}.calibrated_on")
        return cls(
            sha256=checked_sha256(facts["sha256"], f"{what}.sha256"),
            method=one_of(facts["method"], f"{what}.method", METHODS),
            known_from=checked_share(facts["known_from"], f"{what}.known_from"),
            sets=SetFacts(
                coverage=checked_share(sets["coverage"], f"{what}.sets.coverage"),
                least=checked_least(sets["least"], f"{what}.sets.least", labels, all_of_them=True),
            ),
            calibrated_on={
                label: _calibration_scans(value, f"{what}.calibrated_on.{label}")
                for label, value in of_labels(calibrated, f"{what}.calibrated_on", labels).items()
            },
            figures=checked_mapping(facts.get("figures", {}), f"{what}.figures"),
            nearest=tuple(
                checked_line(text, f"{what}.nearest")
                for text in checked_texts(facts.get("nearest", []), f"{what}.nearest")
            ),
            outliers={
                label: checked_count(count, f"{what}.outliers.{label}")
                for label, count in checked_mapping(facts.get("outliers", {}), f"{what}.outliers").items()
            },
        )


def checked_least(
    value: object, what: str, labels: Collection[str] | None, *, all_of_them: bool = False
) -> dict[str, float]:
    """Least probabilities by label, each 0 to 1. Raises FieldError for labels that the model, if known, doesn't know."""
    given = of_labels(checked_mapping(value, what), what, labels)
    for label in labels if labels and all_of_them else ():
        if label not in given:
            raise FieldError(f"{what}.{label} is missing: every label needs one")
    return {label: checked_share(least, f"{what}.{label}") for label, least in given.items()}


def of_labels(given: Mapping[str, Any], what: str, labels: Collection[str] | None) -> dict[str, Any]:
    """Values by label in Unicode's composed form. Raises FieldError for labels that the model, if known, doesn't know."""
    composed = {unicodedata.normalize("NFC", label): value for label, value in given.items()}
    for label in composed:
        if labels is not None and label not in labels:
            raise FieldError(f"{what}.{label} is about a label that the model doesn't know")
    return composed


def _calibration_scans(value: object, what: str) -> CalibrationScans:
    given = checked_object(value, what, ("scans", "real"))
    return CalibrationScans(
        checked_count(given["scans"], f"{what}.scans"), checked_flag(given["real"], f"{what}.real")
    )
