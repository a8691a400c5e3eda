"""What follows from a comparison: whether a check is passed, and the sentence that says why or why not."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from training.gate.margins import Margin
from training.gate.resampling import Paired

DIGITS = 4
MOST_NAMED_MISSING = 100_000
"""Beyond so many patients a sentence says "many more"."""


@dataclass(frozen=True)
class Check:
    """One check. `passed` is None where it could not be judged; `reason` then says what is missing.

    `set` names the test set, "" for a check of the model or the machine. `interval` and `margin` are of the difference
    candidate − champion.
    """

    name: str
    group: str
    set: str
    passed: bool | None
    reason: str
    candidate: float | None = None
    champion: float | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    margin: float | None = None
    patients: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON values; numbers are rounded."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def judged(
    name: str, margin: Margin, kind: str, set_name: str, found: Paired, patients: int, elsewhere: bool = False
) -> Check:
    """Judge a comparison on one test set. `elsewhere` says whether another set can judge the same in its place."""
    allowed, needed = margin.margin.of(kind), margin.patients.of(kind)
    facts = {
        "candidate": found.candidate,
        "champion": found.champion,
        "difference": found.difference,
        "interval": found.interval,
        "margin": allowed,
        "patients": patients,
    }
    if math.isnan(found.difference) or math.isnan(found.interval[0]):
        return Check(
            name, margin.group, set_name, None, "There is no scan to judge it by.", patients=patients
        )
    if patients < needed:
        missing = needed - patients
        reason = f"Too few to judge by: {_patients(patients)} of {needed}; {missing} more are needed."
        if elsewhere:
            return Check(
                name, margin.group, set_name, None, f"{reason} Another test set has enough of them.", **facts
            )
        return Check(name, margin.group, set_name, False, reason, **facts)
    gain, worst = (
        (found.difference, found.interval[0])
        if margin.higher_is_better
        else (-found.difference, -found.interval[1])
    )
    if worst >= -allowed - 1e-9:
        return Check(name, margin.group, set_name, True, _within(margin, gain, worst, allowed), **facts)
    if gain <= -allowed:
        word = "lower" if margin.higher_is_better else "higher"
        reason = f"It is {word} by {abs(gain):.3f}, more than the margin of {allowed:g}."
        return Check(name, margin.group, set_name, False, reason, **facts)
    # The width of an interval falls with the root of the number of patients.
    wanted = patients * ((gain - worst) / (gain + allowed)) ** 2
    missing = max(1, math.ceil(round(wanted, 6)) - patients)
    more = f"about {missing:,} more patients" if missing <= MOST_NAMED_MISSING else "many more patients"
    reason = (
        f"{_patients(patients)} can't tell: it may be worse by {abs(worst):.3f}, and the margin is {allowed:g}; "
        f"to tell, {more} are needed."
    )
    return Check(name, margin.group, set_name, False, reason, **facts)


def least(
    name: str, margin: Margin, kind: str, set_name: str, found: Paired, patients: int, elsewhere: bool = False
) -> Check:
    """Judge a value of the candidate alone, which must be at least `margin.least`."""
    bound = margin.least or 0.0
    check = judged(name, margin, kind, set_name, found, patients, elsewhere)
    facts = {"candidate": found.candidate, "margin": bound, "patients": patients}
    if check.passed is None or patients < margin.patients.of(kind):
        return Check(name, margin.group, set_name, check.passed, check.reason, **facts)
    passed = found.candidate >= bound
    words = "at least" if passed else "less than"
    reason = f"It is {found.candidate:.3f}, {words} the {bound:g} that are asked for."
    return Check(name, margin.group, set_name, passed, reason, **facts)


def not_judged(name: str, group: str, set_name: str, reason: str) -> Check:
    """A check for which something is missing."""
    return Check(name, group, set_name, None, reason)


def _within(margin: Margin, gain: float, worst: float, allowed: float) -> str:
    if worst > 0:
        return "It is better."
    if gain == 0 == worst:
        return "It is the same."
    return f"At worst it is {'lower' if margin.higher_is_better else 'higher'} by {abs(worst):.3f}; the margin is {allowed:g}."


def _patients(count: int) -> str:
    return "1 patient" if count == 1 else f"{count:,} patients"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, tuple):
        return [_rounded(each) for each in value]
    return value
