"""The steps of a learning run, and how far it is. Pure: no database, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WAITING, RUNNING, DONE, LEFT_OUT, FAILED = "waiting", "running", "done", "left out", "failed"


@dataclass(frozen=True)
class Stage:
    """A step: its name in files, its words for people, and about how much of a run's time it takes."""

    name: str
    words: str
    weight: int


STAGES = (
    Stage("export", "Freeze the verified scans as a data set", 3),
    Stage("simulate", "Draw simulated scans, so that nothing is forgotten", 6),
    Stage("train", "Fine-tune the version that answers", 55),
    Stage("temperature", "Calibrate", 2),
    Stage("statistics", "Fit what it knows and what it can rule out", 3),
    Stage("findings", "Check the map of findings", 7),
    Stage("evaluate", "Measure on the installation's test set", 4),
    Stage("explain", "Measure the heat maps", 4),
    Stage("int8", "Measure the ranges for int8", 4),
    Stage("import", "Bring the candidate into the model store", 3),
    Stage("gate", "Let the gate judge it", 13),
)
FINE_TUNING = tuple(stage.name for stage in STAGES[1:9])
"""The steps that the trainer does and reports."""
ALL = sum(stage.weight for stage in STAGES)


def waiting() -> list[dict[str, Any]]:
    """The steps of a run that has not begun."""
    return [{"name": stage.name, "state": WAITING} for stage in STAGES]


def noted(steps: Sequence[Mapping[str, Any]], name: str, **facts: Any) -> list[dict[str, Any]]:
    """The steps with these facts about one of them."""
    return [{**step, **facts} if step["name"] == name else dict(step) for step in steps]


def with_progress(steps: Sequence[Mapping[str, Any]], progress: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps with what the trainer's progress file says."""
    told = progress.get("steps", {})
    return [{**step, **told.get(step["name"], {})} for step in steps]


def is_done(steps: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a step is behind."""
    return any(step["name"] == name and step["state"] in (DONE, LEFT_OUT) for step in steps)


def percent(steps: Sequence[Mapping[str, Any]], epochs: Mapping[str, Any] | None = None) -> int:
    """How far a run is, 0 to 100, by the steps that are done and the epochs of the one that trains."""
    states = {step["name"]: step["state"] for step in steps}
    done = float(sum(stage.weight for stage in STAGES if states.get(stage.name) in (DONE, LEFT_OUT)))
    if states.get("train") == RUNNING and epochs and epochs.get("of"):
        done += next(s.weight for s in STAGES if s.name == "train") * epochs["done"] / epochs["of"]
    return int(100 * done / ALL)
