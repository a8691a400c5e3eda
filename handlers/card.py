"""The model card: what a model is, what it was made from and how good it is. Read and checked once, at loading."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, TypeAdapter, WithJsonSchema, model_validator
from pydantic.dataclasses import dataclass

from handlers.answering import Rules
from handlers.card_findings import FindingsFacts
from handlers.card_int8 import Int8Facts
from handlers.card_statistics import DESCRIBING_STATISTICS, StatisticsFacts, check_known
from handlers.checks import (
    STRICT,
    Composed,
    FieldError,
    Line,
    OneOf,
    Positive,
    Range,
    Sha256,
    Text,
    composed,
    content_sha256,
    must_be,
    read_json,
)
from imaging.quality import QualityLimits

CARD_NAME = "model.json"
STRETCH, CROP = "stretch", "crop"
RESIZES = (STRETCH, CROP)
"""Ways to make a picture square: `stretch` scales both sides to the input size, antialiased. `crop` first cuts the
largest square out of the middle, so that the picture's proportions are not seen."""
MIN_SIZE, MAX_SIZE = 32, 2048
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
"""The name of a model or version: it becomes a folder, and a part of file names and addresses."""
MODALITY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""The name of a modality: it becomes a folder, and a part of addresses."""
LABEL = re.compile(r"[^\W_]([\w .+()-]{0,78}[\w+()-])?")
"""A label: it becomes a folder and the cell of a table. Letters of any script are allowed."""
DESCRIBING_FIELDS = ("version", "data", "metrics", "limits", "made_with", "caveats", "notes", "int8")
"""Fields that say something of a model, but change none of its answers. int8 answers keep to limits of their own."""
LATER_FIELDS = ("groups", "rules", "statistics", "findings", "int8", "modality", "quality", "notes")
"""Fields that were added later; older cards lack them."""


class CardError(FieldError):
    """A model card that can't be used; the message names the file and the field."""


def checked_name(value: str, before: str = "") -> str:
    """The name of a model or version. Raises CardError, whose message begins with `before`."""
    if not NAME.fullmatch(value):
        raise CardError(
            f"{before}{value!r} can't name a model or version: use up to 80 letters (A to Z), digits, '.', '_' and "
            "'-', and begin with a letter or digit"
        )
    return value


def checked_label(value: str) -> str:
    """The label in Unicode's composed form. Raises CardError for a text that can't be a label."""
    label = composed(value)
    if not LABEL.fullmatch(label):
        raise CardError(
            f"{value!r} can't be a label: use up to 80 letters, digits, blanks and _ . + - ( ), "
            "begin with a letter or digit, and end with neither a blank nor a full stop"
        )
    return label


def checked_modality(value: str) -> str:
    """The name of a modality, or nothing. Raises CardError."""
    if value and not MODALITY.fullmatch(value):
        raise CardError(f"{value!r} can't name a modality: use a to z, digits, and '-' between them")
    return value


def _all_different(labels: tuple[str, ...]) -> tuple[str, ...]:
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise must_be("at least two labels, all different")
    return labels


Name = Annotated[
    str, AfterValidator(checked_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})
]
Modality = Annotated[
    str,
    AfterValidator(checked_modality),
    WithJsonSchema({"type": "string", "pattern": f"^({MODALITY.pattern})?$"}),
]
Label = Annotated[str, AfterValidator(checked_label)]
SEVERAL = Field(json_schema_extra={"minItems": 2, "uniqueItems": True})
Labels = Annotated[tuple[Label, ...], AfterValidator(_all_different), SEVERAL]
Group = Annotated[tuple[Composed, ...], AfterValidator(_all_different), SEVERAL]


@dataclass(frozen=True, config=STRICT)
class InputSpec:
    """The network's input: `size` pixels a side, channels normalised by `mean` and `std` (RGB, of 0 to 1)."""

    size: Annotated[int, Range(MIN_SIZE, MAX_SIZE)]
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]
    resize: Annotated[str, OneOf(*RESIZES)] = STRETCH


@dataclass(frozen=True, config=STRICT)
class ModelCard:
    """A version of a model. `labels` are in the order of the logits, which `temperature` divides before the softmax."""

    name: Name
    version: Name
    architecture: Text
    labels: Labels
    input: InputSpec
    temperature: Positive
    weights_sha256: Sha256
    data: dict[str, Any]
    metrics: dict[str, Any]
    limits: tuple[Text, ...]
    made_with: dict[str, Any]
    caveats: dict[Composed, Text] = field(default_factory=dict)
    """By label, a sentence that people get with every answer of that label; not every label has one."""
    groups: dict[Line, Group] = field(default_factory=dict)
    """By a name for people, the labels that are one answer if they can't be told apart."""
    rules: Rules = ()
    """Rules of how far an answer goes; without any, `answering.default_rules` apply."""
    statistics: StatisticsFacts | None = None
    """Statistics of the scans that the model learnt from; without them it can't say whether it knows a scan."""
    findings: FindingsFacts | None = None
    """The map of findings; None for a model without one."""
    int8: Int8Facts | None = None
    """The ranges by which the model can be served in int8; None for a model without any."""
    modality: Modality = ""
    """The modality whose pictures the model answers, such as `chest-xray`; empty for cards of earlier versions."""
    quality: QualityLimits | None = None
    """What a picture must keep to in order to be fit to be read; None: the limits of OCT B-scans."""
    notes: tuple[Text, ...] = ()
    """Sentences that people get with every answer, whatever its label."""

    @classmethod
    def load(cls, path: Path) -> ModelCard:
        """Read and check the card at `path`. Raises CardError."""
        try:
            text = path.read_bytes()
        except OSError as error:
            raise CardError(f"{path}: the model card can't be read ({error.strerror})") from error
        try:
            return cls.from_json(text)
        except CardError as error:
            raise CardError(f"{path}: {error}") from error

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelCard:
        """The card in a JSON text. Raises CardError, which names the wrong fields."""
        try:
            return read_json(TypeAdapter(cls), text, "the model card")
        except FieldError as error:
            raise CardError(str(error)) from error

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        check_known(self.caveats, "caveats", self.labels)
        group_of: dict[str, str] = {}
        for name, group in self.groups.items():
            check_known(group, f"groups.{name}", self.labels)
            for label in group:
                if group_of.setdefault(label, name) != name:
                    raise ValueError(
                        f"groups.{name}: {label} is in the group {group_of[label]}, too; a label may be in one"
                    )
        if self.statistics:
            self.statistics.check_labels(self.labels)
        if self.findings:
            self.findings.check_labels(self.labels)
            if self.input.resize != STRETCH:
                raise ValueError(
                    f"findings: a map of findings needs the whole picture, so input.resize {STRETCH!r}"
                )
        return self

    @property
    def answering_sha256(self) -> str:
        """The sha256 of all that decides an answer: weights, temperature, statistics, rules, and the like.

        Two versions with the same hash answer alike. It stays as it is when only what describes the model changes.
        """
        content = {name: value for name, value in self.to_dict().items() if name not in DESCRIBING_FIELDS}
        if statistics := content.get("statistics"):
            content["statistics"] = {
                name: value for name, value in statistics.items() if name not in DESCRIBING_STATISTICS
            }
        return content_sha256(content)

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON values, without those of `LATER_FIELDS` that are empty."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {name: value for name, value in content.items() if value or name not in LATER_FIELDS}

    def save(self, path: Path) -> None:
        """Write the card atomically."""
        partial = path.with_name(f"{path.name}.partial")
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(path)
