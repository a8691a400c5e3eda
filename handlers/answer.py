"""The shape of what the model server answers (JSON)."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

import orjson

from handlers.card import ModelCard
from imaging.errors import CodedError
from imaging.quality import Quality

LIKELY = 0.2
"""Probability from which on a label that is not the first still needs its caveat said."""
WITHOUT_STATISTICS = "This model has no statistics of what it learnt from: whether it knows pictures like this one can't be said."


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
    """A part of the image that speaks for the label, in pixels of the uploaded image.

    `box` is [x, y, width, height]; `polygon` is at least three [x, y] corners; `score` is the mean heat inside, 0 to 1.
    """

    box: list[int]
    polygon: list[list[int]]
    score: float


class Explanation(TypedDict):
    """Grad-CAM for `label`: an 8-bit grey PNG heat map and, unless the caller does without, an overlay of `media_type`.

    Both are base64, and of the image's size.
    """

    label: str
    heatmap: str
    regions: list[Region]
    media_type: NotRequired[str]
    overlay: NotRequired[str]


class FindingRegion(TypedDict):
    """Where something was found: `box` is [x, y, width, height] in pixels of the uploaded image.

    `share` is the region's part of the picture's area, `confidence` its mean probability; both are 0 to 1.
    """

    finding: str
    box: list[int]
    share: float
    confidence: float


class Findings(TypedDict):
    """What the model sees where, beside its label.

    `map` is a small 8-bit grey PNG, base64: over the whole picture, rows and columns of positions, each 0 or the number
    of one of `kinds`, counted from 1. `regions` are up to 20, the largest first.
    """

    kinds: list[str]
    map: str
    regions: list[FindingRegion]


class ImageFacts(TypedDict):
    """The image as it was read (after turning it upright), and the sha256 of its file."""

    width: int
    height: int
    sha256: str


class Timing(TypedDict):
    """Milliseconds; `decode` and `encode` are this image's own, `forward` and `explain` those of its whole batch."""

    decode: float
    forward: float
    explain: float
    encode: float


class Limits(TypedDict):
    """How far an answer goes.

    `familiarity` is the share of home scans (0 to 1) that are as strange as this one or stranger, `known` whether that
    is enough; `prediction_set` are the labels that can't be ruled out, most probable first. All are null for models
    without statistics. `state` is answered, undecided or not_answered, `because` the reason's code, `group` the name
    of the labels' group where that is the answer. `nearest` describes up to three reference scans that are most like
    this one; `calibration` names the installation's own profile that was applied, if any.
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
    """The answer to a prediction; `gradcam` and `findings` are left out when they were not asked for.

    `findings` is null for models without a map of them.
    """

    gradcam: Explanation
    findings: Findings | None


class ExplanationAnswer(TypedDict):
    """The answer to an explanation."""

    model: Model
    gradcam: Explanation


class Error(TypedDict):
    """`code` is for programs, `message` for people; `status` is HTTP's, for callers who get it nowhere else."""

    code: str
    message: str
    status: int


class ErrorAnswer(TypedDict):
    """The answer to a request that can't be served."""

    error: Error


def caveats(card: ModelCard, first: str, probabilities: dict[str, float]) -> list[str]:
    """What people must know of the predicted label `first`, then of others at `LIKELY` or more: "LABEL: sentence".

    The last one is about models that can't say whether they know a scan.
    """
    # The predicted label is passed on its own: rounded probabilities may no longer tell which it is.
    others = sorted(probabilities.keys() - {first}, key=lambda label: (-probabilities[label], label))
    told = [first, *(label for label in others if probabilities[label] >= LIKELY)]
    found = [f"{label}: {card.caveats[label]}" for label in told if label in card.caveats]
    return found if card.statistics else [*found, WITHOUT_STATISTICS]


def model_facts(card: ModelCard) -> Model:
    """What each answer says of the model."""
    return Model(
        name=card.name,
        version=card.version,
        architecture=card.architecture,
        weights_sha256=card.weights_sha256,
    )


def error_answer(error: CodedError) -> ErrorAnswer:
    """An error as an answer."""
    return ErrorAnswer(error=Error(code=error.code, message=error.message, status=error.status))


def as_json(answer: Any) -> bytes:
    """Compact JSON; raises ValueError for numbers that JSON doesn't have."""
    return orjson.dumps(answer)
