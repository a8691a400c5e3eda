"""The texts about a calibration, the same on the command line and in the administration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from webapp.calibration.fitting import By
from webapp.calibration.measuring import FOLDS
from webapp.calibration.models import CalibrationProfile
from webapp.recommendations.answers import State

NOTHING = "–"
IN_USE, TAKEN_BACK, EARLIER = "in use", "taken back", "earlier"
METRICS = {
    "accuracy": "Accuracy of the most probable label",
    "confidence": "Mean confidence",
    "calibration_error": "Calibration error (ECE)",
    "log_loss": "Log loss",
    "coverage": "Sets that hold the verified label",
    "set_size": "Labels in a set, on average",
    "right_of_answered": "Right, of the answered scans",
}
SOURCES = {
    By.OWN: "from its own scans",
    By.SHARED: "shared by the labels with too few scans",
    By.ALL: "from all scans, as the labels with too few scans have too few together",
    By.CARD: "the card's, as no scan here has the label",
}
EXPLANATION = (
    f"Before: as these scans were answered until now. After: each scan answered by a calibration on other patients' "
    f"scans ({FOLDS} parts); the profile itself is fitted on all of them."
)
Row = tuple[str, str, str]


def metrics(profile: CalibrationProfile) -> list[Row]:
    """The metrics: name, before, after."""
    before, after = profile.before, profile.after
    rows = [(title, _number(before[name]), _number(after[name])) for name, title in METRICS.items()]
    rows += [
        (f"{state.label}, of all scans", _number(before["states"][state]), _number(after["states"][state]))
        for state in State
    ]
    return rows + [
        (
            f"Sets that hold {label} ({found['scans']} scans)",
            _coverage_of(before, label),
            _number(found["coverage"]),
        )
        for label, found in after["labels"].items()
        if found["coverage"] is not None
    ]


def thresholds(profile: CalibrationProfile) -> list[Row]:
    """The thresholds: label, probability below which it is ruled out, where that comes from."""
    return [
        (label, f"{value:.4f}", SOURCES[By(profile.least_by[label])])
        for label, value in profile.least.items()
    ]


def basis(profile: CalibrationProfile) -> str:
    """The scans that it was fitted on, as a sentence."""
    labels = ", ".join(f"{label} {count}" for label, count in profile.labels.items())
    return (
        f"{profile.model_name} {profile.model_version} on {profile.scans} verified scans of {profile.patients} patients "
        f"({labels}). A scan without a patient's reference counts as a patient of its own."
    )


def terms(profile: CalibrationProfile) -> str:
    """The temperature and the threshold of familiarity, as a sentence."""
    if profile.known_from is None:
        return f"Temperature {profile.temperature:.4g}. The model has no statistics, so it has no sets and no strangers."
    return f"Temperature {profile.temperature:.4g}; a picture is known from a familiarity of {profile.known_from:.4g} on."


def lines(profile: CalibrationProfile) -> Iterator[str]:
    """All about a calibration, as lines for a terminal."""
    yield basis(profile)
    yield from profile.left_out
    yield ""
    yield terms(profile)
    yield from _table(thresholds(profile))
    yield ""
    yield from _table([("", "before", "after"), *metrics(profile)])
    yield EXPLANATION


def _table(rows: list[Row]) -> Iterator[str]:
    first = max((len(row[0]) for row in rows), default=0)
    for row in rows:
        yield f"  {row[0]:<{first}}  {row[1]:>7}  {row[2]}".rstrip()


def _coverage_of(measured: Mapping[str, Any], label: str) -> str:
    return _number(measured["labels"].get(label, {}).get("coverage"))


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def state(profile: CalibrationProfile, used: CalibrationProfile | None) -> str:
    """The state of the profile, where `used` is the one in use: in use, taken back or earlier."""
    if used and used.pk == profile.pk:
        return IN_USE
    return TAKEN_BACK if profile.undone_at else EARLIER


def undone(profile: CalibrationProfile, used: CalibrationProfile | None) -> str:
    """A sentence on a profile that was taken back, where `used` is in use now."""
    now = f"{used.name} is in use again" if used else "answers follow the model's card again"
    return f"The calibration {profile.name} is taken back; {now}."
