"""The part of a model card about the map of findings: the kinds of findings and their thresholds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from handlers.card_statistics import check_known
from handlers.checks import STRICT, Composed, Positive, Sha256, Share, must, must_be

FINDINGS_NAME = "findings.safetensors"
"""The decoder's file beside a model's weights."""


def _all_different(kinds: tuple[str, ...]) -> tuple[str, ...]:
    if not kinds or len(set(kinds)) < len(kinds):
        raise must_be("at least one kind of finding, all different")
    return kinds


Kind = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,39}$"),
    must("up to 40 of the letters a to z, digits and '_', with a letter first"),
]
"""The code of a kind of finding; its name for people is in the profile of the model's modality."""
Kinds = Annotated[
    tuple[Kind, ...],
    AfterValidator(_all_different),
    Field(json_schema_extra={"minItems": 1, "uniqueItems": True}),
]


@dataclass(frozen=True, config=STRICT)
class FindingsFacts:
    """The card's part about findings.safetensors, whose hash is `sha256`.

    `kinds` are in the order of the decoder's channels, after the one for "none". `temperature` divides the decoder's
    logits before the softmax. A position counts as a kind if its probability reaches the one in `thresholds` (0 to 1),
    and a region counts if it covers `least_share` of the image's area (0 to 1). `excluded` lists, by label, the kinds
    that contradict it. `metrics` are the measurements behind all this.
    """

    sha256: Sha256
    kinds: Kinds
    temperature: Positive
    thresholds: dict[Kind, Share]
    least_share: Share
    excluded: dict[Composed, tuple[Kind, ...]] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    @model_validator(mode="after")
    def _check_kinds(self) -> Self:
        for kind in self.kinds:
            if kind not in self.thresholds:
                raise ValueError(f"thresholds.{kind} is missing: every kind needs one")
        named = {
            "thresholds": self.thresholds,
            **{f"excluded.{label}": kinds for label, kinds in self.excluded.items()},
        }
        for where, kinds in named.items():
            for kind in kinds:
                if kind not in self.kinds:
                    raise ValueError(f"{where}: {kind} is not among the kinds of this model")
        return self

    def contradicts(self, label: str, found: Collection[str]) -> bool:
        """Whether one of the kinds that were found contradicts a label, by `excluded`."""
        excluded = self.excluded.get(label, ())
        return any(kind in excluded for kind in found)

    def check_labels(self, labels: Collection[str]) -> None:
        """Raise ValueError, naming the field, for a label that is not one of `labels`."""
        check_known(self.excluded, "findings.excluded", labels)
