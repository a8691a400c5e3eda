"""The guideline of a modality: a file of recommendations, and the checks of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol, Self

import yaml
from pydantic import AfterValidator, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass as checked_dataclass

from handlers.answering import STATES
from handlers.checks import STRICT, FieldError, OneOf, Range, Text, must_be, read_values

STEP, REVIEW = "step", "review"
"""What a state may recommend: the step for the labels that count, or a review by a clinician."""
Probability = Annotated[float, Range(0, 1, above=True)]
Stripped = Annotated[Text, AfterValidator(str.strip)]


class GuidelineError(Exception):
    """A recommendation file that can't be used; the message names the file and the entry."""


class Answered(Protocol):
    """What a guideline goes by of an answer: how far it goes, and the code of the reason."""

    @property
    def state(self) -> str:
        """One of the states, "" where it is not known."""

    @property
    def because(self) -> str:
        """The code of the reason, "" where it is not known."""


@checked_dataclass(frozen=True, config=STRICT)
class Source:
    """A publication; `url` is None where it has no stable address."""

    title: Text
    url: Text | None


@checked_dataclass(frozen=True, config=STRICT)
class Code:
    """The code of a label in a terminology such as SNOMED CT; `system` is the terminology's URI."""

    system: Text
    code: Text
    display: Text


@dataclass(frozen=True)
class Step:
    """The next step for a label, from a probability of `threshold` (0 to 1) on."""

    label: str
    threshold: float
    tier: str
    action: str
    reason: str
    sources: tuple[Source, ...]
    codes: tuple[Code, ...] = ()


@checked_dataclass(frozen=True, config=STRICT)
class StateRule:
    """What follows from a state of the answer, or from a reason for it.

    It recommends a step, or a review by a clinician, which has an `action` and is as urgent as the steps of its `tier`.
    `note` is a further reason, "" for none.
    """

    recommends: Annotated[str, OneOf(STEP, REVIEW)]
    tier: str | None = None
    action: Annotated[str, AfterValidator(str.strip)] = ""
    note: Annotated[str, AfterValidator(str.strip)] = ""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.recommends == REVIEW and not (self.tier and self.action):
            raise ValueError("a review needs a tier and an action")
        if self.recommends == STEP and (self.tier or self.action):
            raise ValueError("a step has neither tier nor action: they are the label's")
        return self


@dataclass(frozen=True)
class Guideline:
    """All steps for one model. `tiers` are the texts by name, least urgent first."""

    version: str
    signed_off_by: str | None
    minimum_confidence: float
    tiers: dict[str, str]
    steps: dict[str, Step]
    states: dict[str, StateRule]
    because: dict[str, StateRule]
    """What follows from some reasons, by their codes. It replaces what follows from the state."""

    def what_follows(self, answer: Answered) -> StateRule | None:
        """What follows from the state of the answer and its reason; None where the state is not known."""
        return self.because.get(answer.because) or self.states.get(answer.state)

    def rank(self, found: Step | StateRule) -> int:
        """How urgent it is: 0 is the least."""
        return list(self.tiers).index(found.tier) if found.tier else 0


def read(path: Path) -> Guideline:
    """Read and check a file. Raises GuidelineError."""
    try:
        # Its tags are YAML's own, as those of SafeLoader are.
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # nosec B506
        file = read_values(TypeAdapter(GuidelineFile), content, "the file")
    except (OSError, UnicodeDecodeError, yaml.YAMLError, FieldError) as error:
        raise GuidelineError(f"{path}: {error}") from error
    return Guideline(
        version=file.version,
        signed_off_by=file.signed_off_by,
        minimum_confidence=file.minimum_confidence,
        tiers=file.tiers,
        steps={label: entry.step(label, file.sources) for label, entry in file.labels.items()},
        states=file.states,
        because=file.because,
    )


@checked_dataclass(frozen=True, config=STRICT)
class LabelEntry:
    """A label in the file, with its sources by name."""

    threshold: Probability
    tier: str
    action: Stripped
    reason: Stripped
    sources: tuple[str, ...]
    codes: tuple[Code, ...] = ()

    def step(self, label: str, sources: dict[str, Source]) -> Step:
        """The step for the label, with its sources in place of their names."""
        named = tuple(sources[name] for name in self.sources)
        return Step(label, self.threshold, self.tier, self.action, self.reason, named, self.codes)


def _every_state(states: dict[str, StateRule]) -> dict[str, StateRule]:
    if set(states) != set(STATES):
        raise must_be(f"about {', '.join(STATES)}, and no other")
    return states


def _at_least_one(entries: dict[str, Any]) -> dict[str, Any]:
    if not entries:
        raise must_be("about at least one")
    return entries


@checked_dataclass(frozen=True, config=STRICT)
class GuidelineFile:
    """A recommendation file as it is written."""

    version: Text
    signed_off_by: Text | None
    minimum_confidence: Probability
    tiers: Annotated[dict[str, Text], AfterValidator(_at_least_one)]
    sources: dict[str, Source]
    states: Annotated[dict[str, StateRule], AfterValidator(_every_state)]
    labels: Annotated[dict[str, LabelEntry], AfterValidator(_at_least_one)]
    because: dict[str, StateRule] = field(default_factory=dict)

    @model_validator(mode="after")
    def _names_what_is_listed(self) -> Self:
        entries: dict[str, Mapping[str, LabelEntry | StateRule]] = {
            "labels": self.labels,
            "states": self.states,
            "because": self.because,
        }
        for where, entry in (
            (f"{kind}.{name}", entry) for kind, of in entries.items() for name, entry in of.items()
        ):
            if entry.tier is not None and entry.tier not in self.tiers:
                raise ValueError(
                    f"{where} has the tier {entry.tier!r}, which is not one of {list(self.tiers)}"
                )
            for source in getattr(entry, "sources", ()):
                if source not in self.sources:
                    raise ValueError(f"{where} names the source {source!r}, which is not listed")
        return self


class _Loader(yaml.SafeLoader):
    """Refuses what YAML accepts: a name that is given twice, and one that is no text, such as NO without quotes."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names: list[Any] = []
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise yaml.constructor.ConstructorError(
                    problem=f"the name {name!r} is no text; put it in quotes", problem_mark=key.start_mark
                )
            if name in names:
                raise yaml.constructor.ConstructorError(
                    problem=f"the name {name!r} stands twice", problem_mark=key.start_mark
                )
            names.append(name)
        return super().construct_mapping(node, deep)
