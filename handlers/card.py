"""The model card: what a model is, what it was made from and how well it does. Read and checked once, at loading."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from handlers.answering import Rule, rules_from
from handlers.card_statistics import StatisticsFacts, of_labels
from handlers.checks import (
    FieldError,
    checked_line,
    checked_mapping,
    checked_number,
    checked_object,
    checked_sha256,
    checked_text,
    checked_texts,
    one_of,
)

CARD_NAME = "model.json"
RESIZES = ("stretch",)
"""Ways to make a B-scan of any shape square; `stretch` scales both sides to the input size, antialiased."""
MIN_SIZE, MAX_SIZE = 32, 2048
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
"""What names a model or a version: it is a folder, a part of files' names and of addresses."""
LABEL = re.compile(r"[^\W_]([\w .+()-]{0,78}[\w+()-])?")
"""What a label may be: it becomes a folder and the cell of a table. Letters are those of any script."""
LATER_FIELDS = ("groups", "rules", "statistics")
"""Fields that cards of models made before them lack."""


class CardError(Exception):
    """A model card that can't be used; the message names the file and the field."""


@dataclass(frozen=True)
class InputSpec:
    """What the network is fed: `size` pixels a side, channels normalised by `mean` and `std` (RGB, of 0 to 1)."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: str = "stretch"


@dataclass(frozen=True)
class ModelCard:
    """A model's version; `labels` are in the order of the logits, which `temperature` divides before the softmax."""

    name: str
    version: str
    architecture: str
    labels: tuple[str, ...]
    input: InputSpec
    temperature: float
    weights_sha256: str
    data: dict[str, Any]
    metrics: dict[str, Any]
    limits: tuple[str, ...]
    made_with: dict[str, Any]
    caveats: dict[str, str] = field(default_factory=dict)
    """By label, a sentence that every answer with that label carries to people; not every label has one."""
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By a name that people read, labels which are one answer where they can't be told apart."""
    rules: tuple[Rule, ...] = ()
    """What decides how far an answer goes; none: those of `answering.default_rules`."""
    statistics: StatisticsFacts | None = None
    """What is known of the scans that it learnt from; None: nothing, so that it can't say whether it knows a scan."""

    @classmethod
    def load(cls, path: Path) -> ModelCard:
        """Read and check the card at `path`; raises CardError."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CardError(f"{path}: the model card can't be read ({error.strerror})") from error
        except ValueError as error:
            raise CardError(f"{path}: the model card is not valid JSON ({error})") from error
        try:
            return cls.from_dict(content)
        except CardError as error:
            raise CardError(f"{path}: {error}") from error

    @classmethod
    def from_dict(cls, content: object) -> ModelCard:
        """The card that `to_dict` made; raises CardError naming the first field that doesn't fit."""
        try:
            return cls._from_dict(checked_mapping(content, "the model card"))
        except FieldError as error:
            raise CardError(str(error)) from error

    @classmethod
    def _from_dict(cls, content: object) -> ModelCard:
        card = checked_object(content, "", {known.name for known in fields(cls)}, {"caveats", *LATER_FIELDS})
        spec = checked_object(card["input"], "input", {known.name for known in fields(InputSpec)})
        labels = _labels(card["labels"])
        return cls(
            name=checked_name(card["name"], "name"),
            version=checked_name(card["version"], "version"),
            architecture=checked_text(card["architecture"], "architecture"),
            labels=labels,
            input=InputSpec(
                size=_size(spec["size"]),
                mean=_channels(spec["mean"], "input.mean"),
                std=_channels(spec["std"], "input.std", positive=True),
                resize=one_of(spec["resize"], "input.resize", RESIZES),
            ),
            temperature=checked_number(card["temperature"], "temperature", positive=True),
            weights_sha256=checked_sha256(card["weights_sha256"], "weights_sha256"),
            data=checked_mapping(card["data"], "data"),
            metrics=checked_mapping(card["metrics"], "metrics"),
            limits=checked_texts(card["limits"], "limits"),
            made_with=checked_mapping(card["made_with"], "made_with"),
            caveats=_caveats(card.get("caveats", {}), labels),
            groups=_groups(card.get("groups", {}), labels),
            rules=rules_from(card["rules"]) if "rules" in card else (),
            statistics=StatisticsFacts.from_dict(card["statistics"], labels)
            if "statistics" in card
            else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON values. What a model has none of is left out."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {name: value for name, value in content.items() if value or name not in LATER_FIELDS}

    def save(self, path: Path) -> None:
        """Write the card, complete or not at all."""
        partial = path.with_name(f"{path.name}.partial")
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(path)


def checked_name(value: object, what: str) -> str:
    """The name of a model or version; raises CardError, which says what a name is."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise CardError(
            f"{what} {value!r} can't name a model or version: use up to 80 letters (A to Z), digits, '.', '_' and "
            "'-', and begin with a letter or digit"
        )
    return value


def checked_label(value: object) -> str:
    """The label, in Unicode's composed form; raises CardError, which says what a label is."""
    label = unicodedata.normalize("NFC", value) if isinstance(value, str) else ""
    if not LABEL.fullmatch(label):
        raise CardError(
            f"{value!r} can't be a label: use up to 80 letters, digits, blanks and _ . + - ( ), "
            "begin with a letter or digit, and end with neither a blank nor a full stop"
        )
    return label


def _labels(value: object) -> tuple[str, ...]:
    given = checked_texts(value, "labels")
    try:
        labels = tuple(map(checked_label, given))
    except CardError as error:
        raise CardError(f"labels: {error}") from error
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise CardError("labels must be at least two, all different")
    return labels


def _caveats(value: object, labels: tuple[str, ...]) -> dict[str, str]:
    given = of_labels(checked_mapping(value, "caveats"), "caveats", labels)
    return {label: checked_text(text, f"caveats.{label}") for label, text in given.items()}


def _groups(value: object, labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for name, members in checked_mapping(value, "groups").items():
        what = f"groups.{checked_line(name, 'the name of a group')}"
        given = checked_texts(members, what)
        group = tuple(of_labels(dict.fromkeys(given), what, labels))
        if len(group) < 2 or len(group) < len(given):
            raise CardError(f"{what} must be at least two labels, all different")
        for other, taken in groups.items():
            for label in group:
                if label in taken:
                    raise CardError(f"{what}: {label} is in the group {other}, too; a label may be in one")
        groups[name] = group
    return groups


def _channels(value: object, what: str, *, positive: bool = False) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise CardError(f"{what} must be three numbers, for red, green and blue")
    red, green, blue = (checked_number(item, what, positive=positive) for item in value)
    return red, green, blue


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not MIN_SIZE <= value <= MAX_SIZE:
        raise CardError(f"input.size must be a whole number of pixels from {MIN_SIZE} to {MAX_SIZE}")
    return value
