"""The recommendation file of a model: read and checked once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from webapp.recommendations.answers import State

FOLDER = Path(__file__).parent


class GuidelineError(Exception):
    """A recommendation file that can't be used; the message names the file and the entry."""


@dataclass(frozen=True)
class Source:
    """A publication; `url` is None where it has no stable address."""

    title: str
    url: str | None


@dataclass(frozen=True)
class Step:
    """What to do about one label, from a probability of `threshold` (0 to 1) on."""

    label: str
    threshold: float
    tier: str
    action: str
    reason: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class OfState:
    """What follows from how far the model has answered.

    Without a `tier` a step does; with one `action` does, a look by a clinician that is as urgent as the tier's steps.
    `note` is a reason more, "" for none.
    """

    tier: str | None
    action: str
    note: str


@dataclass(frozen=True)
class Guideline:
    """All steps for one model; `tiers` are in order, least urgent first, each with its text."""

    version: str
    signed_off_by: str | None
    minimum_confidence: float
    tiers: dict[str, str]
    steps: dict[str, Step]
    states: dict[str, OfState]

    def rank(self, found: Step | OfState) -> int:
        """How urgent it is: higher is more, 0 the least."""
        return list(self.tiers).index(found.tier) if found.tier else 0


@cache
def guideline(model_name: str) -> Guideline | None:
    """The guideline for a model, None when there is no file for it. Raises GuidelineError."""
    path = FOLDER / f"{model_name}.yaml"
    if path.parent != FOLDER or not path.is_file():
        return None
    return read(path)


def read(path: Path) -> Guideline:
    """Read and check a file. Raises GuidelineError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise GuidelineError(f"{path}: {error}") from error
    try:
        tiers = {str(name): str(text) for name, text in content["tiers"].items()}
        sources = {name: Source(entry["title"], entry["url"]) for name, entry in content["sources"].items()}
        steps = {
            str(label): _step(path, str(label), entry, tiers, sources)
            for label, entry in content["labels"].items()
        }
        states = {
            str(name): _of_state(path, str(name), entry, tiers) for name, entry in content["states"].items()
        }
        if set(states) != set(State.values):
            raise GuidelineError(f"{path}: states needs {', '.join(State.values)} and no other")
        if not steps or not tiers:
            raise GuidelineError(f"{path}: at least one tier and one label are needed")
        return Guideline(
            version=str(content["version"]),
            signed_off_by=content["signed_off_by"],
            minimum_confidence=_probability(path, "minimum_confidence", content["minimum_confidence"]),
            tiers=tiers,
            steps=steps,
            states=states,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise GuidelineError(f"{path}: {error} is missing or not of the right kind") from error


def _step(
    path: Path, label: str, entry: dict[str, Any], tiers: dict[str, str], sources: dict[str, Source]
) -> Step:
    if entry["tier"] not in tiers:
        raise GuidelineError(
            f"{path}: {label} has the tier {entry['tier']!r}, which is not one of {list(tiers)}"
        )
    unknown = set(entry["sources"]) - set(sources)
    if unknown:
        raise GuidelineError(f"{path}: {label} names the source {unknown.pop()!r}, which is not listed")
    return Step(
        label=label,
        threshold=_probability(path, f"{label}: threshold", entry["threshold"]),
        tier=entry["tier"],
        action=str(entry["action"]).strip(),
        reason=str(entry["reason"]).strip(),
        sources=tuple(sources[name] for name in entry["sources"]),
    )


def _of_state(path: Path, name: str, entry: dict[str, Any], tiers: dict[str, str]) -> OfState:
    note = str(entry.get("note", "")).strip()
    if entry["recommends"] == "step":
        return OfState(tier=None, action="", note=note)
    if entry["recommends"] != "review":
        raise GuidelineError(
            f"{path}: {name} recommends {entry['recommends']!r}, which is neither step nor review"
        )
    if entry["tier"] not in tiers:
        raise GuidelineError(
            f"{path}: {name} has the tier {entry['tier']!r}, which is not one of {list(tiers)}"
        )
    return OfState(entry["tier"], str(entry["action"]).strip(), note)


def _probability(path: Path, name: str, value: Any) -> float:
    if not isinstance(value, int | float) or not 0 < value <= 1:
        raise GuidelineError(f"{path}: {name} must be above 0 and at most 1, not {value!r}")
    return float(value)
