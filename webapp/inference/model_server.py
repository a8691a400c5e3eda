"""The interface to a model server, whichever it is, and the client that the settings name.

Another server is one module: a class with the methods of `ModelServer`, and a function that makes one from the
settings, whose dotted name is the value of RETINOTE_MODEL_SERVER. To serve several modalities it takes a model's name.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from handlers.card import ModelCard
from imaging.heat import encode_heat, enlarged
from imaging.pixels import MAX_PIXELS
from webapp.recommendations.answers import Answer, State

CONNECTIONS = 32
"""The most requests that a process has open at the model server at once."""


class ModelUnavailable(Exception):
    """The model server can't answer now; the same request may succeed later. The text says why."""

    code = "unavailable"


class ModelFault(ModelUnavailable):
    """The model server failed at this request by a fault of its own, such as too little memory.

    Mostly it passes; but some pictures may be what it always fails at.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ImageRefused(Exception):
    """The model server looked at the request and refuses it; trying again changes nothing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UnknownVersion(ImageRefused):
    """The model server has no such version of the model."""


@dataclass(frozen=True)
class HeatGrid:
    """A heat map as the cells that it is enlarged from, row by row, and the size of the image that they cover."""

    cells: list[list[int]]
    width: int
    height: int

    @classmethod
    def from_json(cls, grid: dict[str, Any]) -> HeatGrid:
        """Read a grid of an answer; raises KeyError, TypeError or ValueError for anything else."""
        cells, width, height = grid["cells"], int(grid["width"]), int(grid["height"])
        if not (width > 0 and height > 0 and width * height <= MAX_PIXELS):
            raise ValueError(f"no image has {width} × {height} pixels")
        if not cells or not cells[0] or any(len(row) != len(cells[0]) for row in cells):
            raise ValueError("the cells of the heat map are no grid")
        bytes(cell for row in cells for cell in row)  # raises for what is not from 0 to 255
        return cls(cells, width, height)

    def png(self) -> bytes:
        """The heat map in pixels of the image, as the model server would draw it."""
        return encode_heat(enlarged(np.array(self.cells, np.uint8), self.width, self.height))


@dataclass(frozen=True)
class ModelAnswer:
    """The model's answer to one image. Regions are in pixels of the image that was sent.

    Each field is stored in the column of the same name (`webapp.scans.answered.Answered`), but for the two pictures,
    which are stored as files.
    """

    label: str
    confidence: float
    probabilities: dict[str, float]
    model_name: str
    model_version: str
    weights_sha256: str
    quality: dict[str, Any]
    gradcam_label: str
    heatmap: bytes | HeatGrid
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
    """The `kinds` that the model looks for and the `regions` that it found; None for models without a map of them."""
    findings_map: bytes = b""
    """A grey PNG of the whole image, coarser than it: 0 for none, n for the n-th of the kinds."""

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> ModelAnswer:
        """Read an answer of `handlers/`; raises KeyError, TypeError or ValueError for anything else."""
        gradcam = answer["gradcam"]
        # Archives of earlier handlers don't give the fields after the regions.
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
            # Handlers of earlier versions send the heat map whole, whatever they are asked for.
            heatmap=HeatGrid.from_json(gradcam["grid"])
            if "grid" in gradcam
            else base64.b64decode(gradcam["heatmap"]),
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
        """How far the model has answered, and with what."""
        return Answer(self.label, self.state, self.because, tuple(self.prediction_set or ()), self.group)


def _findings(found: dict[str, Any]) -> dict[str, Any]:
    """The findings without their map; raises KeyError, TypeError or ValueError where they aren't any."""
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
    """A version of the model on the model server. `status` is a word for people, such as "ready" or "starting"."""

    name: str
    version: str
    is_default: bool
    status: str
    workers: int
    ready_workers: int
    pending_requests: int


class ModelServer(Protocol):
    """The client of a model server for one model; safe to share between threads."""

    def predict(
        self, image: bytes, *, deadline_s: float, request_id: str, version: str = "", label: str = ""
    ) -> ModelAnswer:
        """The answer to an image file, with the heat map of `label`, or of the most probable label without one.

        `version` is the model's, "" for the default. Raises ModelUnavailable when no answer comes within `deadline_s`,
        ModelFault when the server fails at this image, ImageRefused when the image or the label is at fault, UnknownVersion
        when the server has no such `version`.
        """

    def is_ready(self) -> bool:
        """Whether the server answers and can predict with its default version."""

    def versions(self) -> list[ServedVersion]:
        """The versions of the model that the server has; raises ModelUnavailable."""

    def card(self, version: str = "") -> ModelCard:
        """The model card of a version, "" for the default; raises ModelUnavailable, or UnknownVersion."""

    def authorization(self) -> str:
        """The Authorization header for calls to the server, "" where it needs none; raises ModelUnavailable."""

    def metrics(self) -> bytes | None:
        """The server's metrics in Prometheus' text format, None where Prometheus asks the server itself.

        Raises ModelUnavailable.
        """


def model_client(model: str = "") -> ModelServer:
    """The client of the model server that the settings name, for a model; without one for the default modality's."""
    factory = client_factory()
    # A server for one model has a function without parameters.
    return factory() if model in ("", settings.MODEL_NAME) else factory(model)


def client_factory() -> Callable[..., ModelServer]:
    """The function that the settings name. Raises ImproperlyConfigured when there is none of that name."""
    name: str = settings.MODEL_SERVER
    try:
        factory: Callable[..., ModelServer] = import_string(name)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"RETINOTE_MODEL_SERVER is {name!r}, which can't be imported ({error}); name the function that makes the "
            "client of a model server, such as webapp.inference.torchserve.client."
        ) from error
    return factory
