"""The fields of the model server's answers (JSON)."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

import orjson

from handlers.card import ModelCard
from imaging.errors import CodedError
from imaging.quality import Quality

LIKELY = 0.2
"""Least probability of a label, beside the predicted one, whose caveat is added to the answer."""
WITHOUT_STATISTICS = "This model has no statistics of its training scans, so it can't say whether it knows pictures like this one."
"""The caveat of models that can't say whether they know a scan."""


class Model(TypedDict):
    """Which model answered."""

    name: str
    version: str
    architecture: str
    weights_sha256: str


class Prediction(TypedDict):
    """The most probable label and its probability, 0 to 1."""

    label: str
    confidence: float


class Region(TypedDict):
    """A part of the image that contributes to the label, in pixels of the uploaded image.

    `box` is [x, y, width, height]; `polygon` is at least three [x, y] corners; `score` is the mean heat inside, 0 to 1.
    """

    box: list[int]
    polygon: list[list[int]]
    score: float


class HeatGrid(TypedDict):
    """The cells of a heat map, 0 to 255, row by row, which cover an image of `width` × `height` pixels.

    Enlarged to that size (`imaging.heat.enlarged`), they are the heat map.
    """

    cells: list[list[int]]
    width: int
    height: int


class Explanation(TypedDict):
    """Grad-CAM for `label`: a heat map as 8-bit grey PNG and, unless switched off, an overlay of `media_type`.

    Both are base64 and as large as the image. `grid` takes the place of `heatmap` where that was asked for.
    """

    label: str
    heatmap: NotRequired[str]
    grid: NotRequired[HeatGrid]
    regions: list[Region]
    media_type: NotRequired[str]
    overlay: NotRequired[str]


class FindingRegion(TypedDict):
    """One finding: `box` is [x, y, width, height] in pixels of the uploaded image.

    `share` is the region's share of the image's area, `confidence` its mean probability; both are 0 to 1.
    """

    finding: str
    box: list[int]
    share: float
    confidence: float


class Findings(TypedDict):
    """The map of findings: what the model finds in which place, beside its label.

    `map` is a small 8-bit grey PNG in base64. It covers the whole image in rows and columns of positions; each is 0 or
    the number of one of `kinds`, counted from 1. `regions` are up to 20, the largest first.
    """

    kinds: list[str]
    map: str
    regions: list[FindingRegion]


class ImageFacts(TypedDict):
    """Width and height of the upright image in pixels, and the sha256 of its file."""

    width: int
    height: int
    sha256: str


class Timing(TypedDict):
    """Milliseconds. `decode` and `encode` are of this image alone, `forward` and `explain` of its whole batch."""

    decode: float
    forward: float
    explain: float
    encode: float


class Limits(TypedDict):
    """How far an answer goes.

    `familiarity` is the share of home scans (0 to 1) that are at least as strange as this one, and `known` whether
    that is enough. `prediction_set` holds the labels that can't be ruled out, most probable first. All three are null
    for models without statistics. `state` is answered, undecided or not_answered, and `because` the code of the
    reason. `group` is the name of the group of labels, if a group is the answer. `nearest` describes up to three
    reference scans that are most like this one. `calibration` names the local profile that was applied, if any.
    """

    familiarity: float | None
    known: bool | None
    prediction_set: list[str] | None
    state: str
    because: str
    group: str | None
    nearest: list[str]
    calibration: str | None


class _Answer(Limits):
    model: Model
    prediction: Prediction
    probabilities: dict[str, float]
    caveats: list[str]
    quality: Quality
    image: ImageFacts
    timing_ms: Timing


class Answer(_Answer, total=False):
    """The answer to a prediction; `gradcam` and `findings` are missing if they were not asked for.

    `findings` is null for models without a map of findings. `modality` is that of the model's card, where it names one.
    """

    modality: str
    gradcam: Explanation
    findings: Findings | None


class ExplanationAnswer(TypedDict):
    """The answer to a request to /explanations."""

    model: Model
    gradcam: Explanation


class Error(TypedDict):
    """`code` is for programs, `message` for people; `status` is the HTTP status, which gRPC callers see only here."""

    code: str
    message: str
    status: int


class ErrorAnswer(TypedDict):
    """The answer to a request that can't be served."""

    error: Error


def caveats(card: ModelCard, first: str, probabilities: dict[str, float]) -> list[str]:
    """The caveats of an answer: the card's notes, then the caveats of labels ("LABEL: sentence").

    They are of the predicted label `first`, and of others at `LIKELY` or more. `WITHOUT_STATISTICS` comes last, if it
    applies.
    """
    # The predicted label is a parameter, as after rounding several probabilities may be the highest.
    others = sorted(probabilities.keys() - {first}, key=lambda label: (-probabilities[label], label))
    likely = [first, *(label for label in others if probabilities[label] >= LIKELY)]
    of_labels = [f"{label}: {card.caveats[label]}" for label in likely if label in card.caveats]
    return [*card.notes, *of_labels, *([] if card.statistics else [WITHOUT_STATISTICS])]


def model_facts(card: ModelCard) -> Model:
    """The fields of an answer that identify the model."""
    return Model(
        name=card.name,
        version=card.version,
        architecture=card.architecture,
        weights_sha256=card.weights_sha256,
    )


def error_answer(error: CodedError) -> ErrorAnswer:
    """The answer for an error."""
    return ErrorAnswer(error=Error(code=error.code, message=error.message, status=error.status))


def as_json(answer: Any) -> bytes:
    """Compact JSON. Raises TypeError for values that JSON can't hold."""
    return orjson.dumps(answer)
