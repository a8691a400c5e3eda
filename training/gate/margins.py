"""The margins of the gate: data with reasons, read and checked once."""

from __future__ import annotations

import json
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from handlers.checks import (
    STRICT,
    Count,
    FieldError,
    OneOf,
    Positive,
    Range,
    Share,
    Text,
    content_sha256,
    read_json,
)
from training.data.manifest import DataError

MARGINS = Path(__file__).with_name("margins.toml")
OWN, GIVEN, SIMULATED = "own", "given", "simulated"
KINDS = (OWN, GIVEN, SIMULATED)
GROUPS = ("answers", "confidence", "heat maps", "strangers")
Level = Annotated[float, Range(0, 0.5, above=True)]


@dataclass(frozen=True, config=STRICT)
class ByKind:
    """A number for each kind of test set."""

    own: Annotated[float, Range(0, 10)]
    given: Annotated[float, Range(0, 10)]
    simulated: Annotated[float, Range(0, 10)]

    def of(self, kind: str) -> float:
        """The number of a kind."""
        value: float = getattr(self, kind)
        return value


@dataclass(frozen=True, config=STRICT)
class CountByKind:
    """A count for each kind of test set."""

    own: Count
    given: Count
    simulated: Count

    def of(self, kind: str) -> int:
        """The count of a kind."""
        value: int = getattr(self, kind)
        return value


@dataclass(frozen=True, config=STRICT)
class Margin:
    """How much worse a candidate may be in one check, by the kind of test set.

    `patients` is how many patients a set must have to be judged, `least` a bound of the value itself in place of a
    difference, `risk` the share of errors that a coverage is measured at.
    """

    title: Text
    group: Annotated[str, OneOf(*GROUPS)]
    higher_is_better: bool
    margin: ByKind
    patients: CountByKind
    reason: Text
    source: Text
    least: float | None = None
    risk: float | None = None


@dataclass(frozen=True, config=STRICT)
class Resampling:
    """How many resamples the bootstrap draws, and the levels (0 to 0.5, one-sided) of its bounds."""

    resamples: Count
    seed: Count
    level: Level
    superior_level: Level
    reason: Text
    source: Text


@dataclass(frozen=True, config=STRICT)
class Urgent:
    """The tiers of the guideline whose labels count as urgent."""

    tiers: tuple[Text, ...]
    reason: Text


@dataclass(frozen=True, config=STRICT)
class Machine:
    """The most that time and memory may grow, as ratios, and how often a forward pass is timed."""

    latency_ratio: Positive
    memory_ratio: Positive
    rounds: Count
    reason: Text
    source: Text


@dataclass(frozen=True, config=STRICT)
class Replay:
    """The largest shares of stored scans whose tier may become less or more urgent."""

    lowered: Share
    raised: Share
    reason: Text
    source: Text


@dataclass(frozen=True, config=STRICT)
class SimulatedOrder:
    """What the simulated set holds; sizes in pixels."""

    per_label: Count
    seed: Count
    height: Count
    width: Count
    masked_per_label: Count
    strangers_per_kind: Count


@dataclass(frozen=True, config=STRICT)
class GivenOrder:
    """How many scans of each label heat maps are compared on."""

    masked_per_label: Count


@dataclass(frozen=True, config=STRICT)
class Sizes:
    """Heights and widths, in pixels, of pictures that must be answered with numbers."""

    pictures: Annotated[tuple[tuple[int, int], ...], Field(min_length=1)]
    reason: Text


@dataclass(frozen=True, config=STRICT)
class Margins:
    """All margins."""

    resampling: Resampling
    urgent: Urgent
    checks: dict[str, Margin]
    machine: Machine
    replay: Replay
    simulated: SimulatedOrder
    given: GivenOrder
    sizes: Sizes

    @cached_property
    def sha256(self) -> str:
        """A hash of what the margins say, whatever the file's layout."""
        return content_sha256(TypeAdapter(Margins).dump_python(self, mode="json"))


def read_margins(path: Path = MARGINS) -> Margins:
    """Read and check a file of margins. Raises DataError, which names the file and the field."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return read_json(TypeAdapter(Margins), json.dumps(content), "the margins")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, FieldError) as error:
        raise DataError(f"{path}: {error}") from error
