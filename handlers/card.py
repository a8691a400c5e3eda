"""The model card: what a model is, what it was made from and how well it does. Read and checked once, at loading."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

CARD_NAME = "model.json"
RESIZES = ("stretch",)
"""Ways to make a B-scan of any shape square; `stretch` scales both sides to the input size, antialiased."""
SHA256 = re.compile(r"[0-9a-f]{64}")
MIN_SIZE, MAX_SIZE = 32, 2048
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
"""What names a model or a version: it is a folder, a part of files' names and of addresses."""
LABEL = re.compile(r"[^\W_]([\w .+()-]{0,78}[\w+()-])?")
"""What a label may be: it becomes a folder and the cell of a table. Letters are those of any script."""


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
        card = _object(content, "the model card", {known.name for known in fields(cls)}, optional={"caveats"})
        spec = _object(card["input"], "input", {known.name for known in fields(InputSpec)})
        labels = _labels(card["labels"])
        return cls(
            name=checked_name(card["name"], "name"),
            version=checked_name(card["version"], "version"),
            architecture=_text(card["architecture"], "architecture"),
            labels=labels,
            input=InputSpec(
                size=_size(spec["size"]),
                mean=_channels(spec["mean"], "input.mean"),
                std=_channels(spec["std"], "input.std", positive=True),
                resize=_one_of(spec["resize"], "input.resize", RESIZES),
            ),
            temperature=_number(card["temperature"], "temperature", positive=True),
            weights_sha256=_sha256(card["weights_sha256"]),
            data=_mapping(card["data"], "data"),
            metrics=_mapping(card["metrics"], "metrics"),
            limits=_texts(card["limits"], "limits"),
            made_with=_mapping(card["made_with"], "made_with"),
            caveats=_caveats(card.get("caveats", {}), labels),
        )

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON values."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return content

    def save(self, path: Path) -> None:
        """Write the card, complete or not at all."""
        partial = path.with_name(f"{path.name}.partial")
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False)
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


def _object(value: object, what: str, names: set[str], optional: Collection[str] = ()) -> Mapping[str, Any]:
    content = _mapping(value, what)
    prefix = "" if what == "the model card" else f"{what}."
    for name in sorted(names - content.keys() - set(optional)):
        raise CardError(f"field {prefix}{name} is missing")
    for name in sorted(content.keys() - names):
        raise CardError(f"field {prefix}{name} is not known")
    return content


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CardError(f"{what} must be a JSON object")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise CardError(f"{what} must be a text that is not empty")
    return value


def _texts(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise CardError(f"{what} must be a list of texts")
    return tuple(_text(item, what) for item in value)


def _labels(value: object) -> tuple[str, ...]:
    given = _texts(value, "labels")
    try:
        labels = tuple(map(checked_label, given))
    except CardError as error:
        raise CardError(f"labels: {error}") from error
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise CardError("labels must be at least two, all different")
    return labels


def _caveats(value: object, labels: tuple[str, ...]) -> dict[str, str]:
    given = _mapping(value, "caveats")
    caveats = {
        unicodedata.normalize("NFC", label): _text(text, f"caveats.{label}") for label, text in given.items()
    }
    for label in caveats:
        if label not in labels:
            raise CardError(f"caveats.{label} is about a label that the model doesn't know")
    return caveats


def _number(value: object, what: str, *, positive: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CardError(f"{what} must be a number")
    if positive and value <= 0:
        raise CardError(f"{what} must be greater than 0")
    return float(value)


def _channels(value: object, what: str, *, positive: bool = False) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise CardError(f"{what} must be three numbers, for red, green and blue")
    red, green, blue = (_number(item, what, positive=positive) for item in value)
    return red, green, blue


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not MIN_SIZE <= value <= MAX_SIZE:
        raise CardError(f"input.size must be a whole number of pixels from {MIN_SIZE} to {MAX_SIZE}")
    return value


def _one_of(value: object, what: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise CardError(f"{what} must be one of: {', '.join(known)}")
    return str(value)


def _sha256(value: object) -> str:
    if not isinstance(value, str) or not SHA256.fullmatch(value):
        raise CardError("weights_sha256 must be 64 hexadecimal digits")
    return value
