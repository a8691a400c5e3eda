"""What the web app asks of a model server, whichever it is, and the one that the settings name.

Another server is one module: a class with the methods of `ModelServer`, a function that makes one from the settings,
and that function's dotted name in RETINOTE_MODEL_SERVER.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from handlers.card import ModelCard
from webapp.recommendations.answers import Answer, State

CONNECTIONS = 32
"""How many requests a process has open at the model server at once."""


class ModelUnavailable(Exception):
    """The model server can't answer now; the same request may succeed later. The text says why."""


class ImageRefused(Exception):
    """The model server looked at the request and refuses it; trying again changes nothing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UnknownVersion(ImageRefused):
    """The model server has no such version of the model."""


@dataclass(frozen=True)
class ModelAnswer:
    """The model's answer to one image. Regions are in pixels of the image that was sent."""

    label: str
    confidence: float
    probabilities: dict[str, float]
    model_name: str
    model_version: str
    weights_sha256: str
    quality: dict[str, Any]
    gradcam_label: str
    heatmap: bytes
    regions: list[dict[str, Any]] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)
    familiarity: float | None = None
    known: bool | None = None
    prediction_set: list[str] | None = None
    state: str = ""
    because: str = ""
    group: str = ""
    nearest: list[str] = field(default_factory=list)
    calibration: str = ""
    findings: dict[str, Any] | None = None
    """What the model thinks it sees: `kinds` that it looks for and `regions`. None of a model without a map of findings."""
    findings_map: bytes = b""
    """A grey PNG of the whole image, coarser than it: 0 for none, n for the n-th of the kinds."""

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> ModelAnswer:
        """Read an answer as `handlers/` gives it; raises KeyError, TypeError or ValueError when it isn't one."""
        gradcam = answer["gradcam"]
        # Archives of earlier handlers don't tell what follows after the regions.
        found = answer.get("findings")
        return cls(
            label=answer["prediction"]["label"],
            confidence=answer["prediction"]["confidence"],
            probabilities=answer["probabilities"],
            model_name=answer["model"]["name"],
            model_version=answer["model"]["version"],
            weights_sha256=answer["model"]["weights_sha256"],
            quality=answer["quality"],
            gradcam_label=gradcam["label"],
            heatmap=base64.b64decode(gradcam["heatmap"]),
            regions=gradcam["regions"],
            caveats=answer.get("caveats", []),
            familiarity=answer.get("familiarity"),
            known=answer.get("known"),
            prediction_set=answer.get("prediction_set"),
            state=State(answer["state"]).value if answer.get("state") else "",
            because=answer.get("because") or "",
            group=answer.get("group") or "",
            nearest=answer.get("nearest") or [],
            calibration=answer.get("calibration") or "",
            findings=None if found is None else _findings(found),
            findings_map=b"" if found is None else base64.b64decode(found["map"], validate=True),
        )

    @property
    def answer(self) -> Answer:
        """What the model says, as far as it says something."""
        return Answer(self.label, self.state, self.because, tuple(self.prediction_set or ()), self.group)


def _findings(found: dict[str, Any]) -> dict[str, Any]:
    """What is stored of the findings beside their map; raises KeyError, TypeError or ValueError."""
    regions = [
        {
            "finding": str(region["finding"]),
            "box": [int(side) for side in region["box"]],
            "share": float(region["share"]),
            "confidence": float(region["confidence"]),
        }
        for region in found["regions"]
    ]
    return {"kinds": [str(kind) for kind in found["kinds"]], "regions": regions}


@dataclass(frozen=True)
class ServedVersion:
    """A version of the model that the model server has. `status` is one word for people, such as ready or starting."""

    name: str
    version: str
    is_default: bool
    status: str
    workers: int
    ready_workers: int
    pending_requests: int


class ModelServer(Protocol):
    """A model server, asked for one model; safe to share between threads."""

    def predict(
        self, image: bytes, *, deadline_s: float, request_id: str, version: str = "", label: str = ""
    ) -> ModelAnswer:
        """Prediction and heat map of an image file, of `label` when given, else of the most probable one.

        Raises ModelUnavailable when no answer came within `deadline_s`, ImageRefused when the image or the label
        is at fault, UnknownVersion when the server has no such `version`.
        """

    def is_ready(self) -> bool:
        """Whether the server answers and can predict with the version that answers by default."""

    def versions(self) -> list[ServedVersion]:
        """The versions of the model that the server has; raises ModelUnavailable."""

    def card(self) -> ModelCard:
        """The model card of the version that answers by default; raises ModelUnavailable."""

    def authorization(self) -> str:
        """The Authorization header for calls to the server, empty where it asks for none; raises ModelUnavailable."""

    def metrics(self) -> bytes | None:
        """The server's metrics in Prometheus' text format, None where it answers Prometheus itself.

        Raises ModelUnavailable.
        """


def model_client() -> ModelServer:
    """The client of the settings' model server."""
    return maker()()


def maker() -> Callable[[], ModelServer]:
    """The function that the settings name. Raises ImproperlyConfigured when there is none of that name."""
    name: str = settings.MODEL_SERVER
    try:
        made: Callable[[], ModelServer] = import_string(name)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"RETINOTE_MODEL_SERVER is {name!r}, which can't be imported ({error}); name the function that makes the "
            "client of a model server, such as webapp.inference.torchserve.client."
        ) from error
    return made
