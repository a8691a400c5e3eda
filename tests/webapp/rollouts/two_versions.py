"""A model server of another kind, with two versions of a model that can be told what to answer."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bundled import MODEL_NAME
from handlers.card import ModelCard
from tests.images import png_bytes
from tests.models import make_model
from webapp.inference.model_server import ModelAnswer, ModelUnavailable, ServedVersion, UnknownVersion

OLD, NEW = "1.0.0", "2.0.0"
WEIGHTS = {OLD: "a" * 64, NEW: "b" * 64}


@cache
def a_card() -> ModelCard:
    with TemporaryDirectory() as folder:
        return ModelCard.load(make_model(Path(folder)) / "model.json")


@dataclass
class TwoVersions:
    """Serves `served`, of which `default` answers where none is named; `says` has each version's label and state."""

    default: str = OLD
    served: set[str] = field(default_factory=lambda: {OLD, NEW})
    says: dict[str, dict[str, Any]] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    """Versions that can't answer."""
    takes_s: dict[bytes, float] = field(default_factory=dict)
    """How long pictures take that take long. No time passes: whoever is less patient gets no answer."""
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    temperatures: dict[str, float] = field(default_factory=dict)
    away: bool = False
    model: str = MODEL_NAME
    asked: Counter[str] = field(default_factory=Counter)

    def __call__(self) -> TwoVersions:
        return self

    def predict(
        self, image: bytes, *, deadline_s: float, request_id: str, version: str = "", label: str = ""
    ) -> ModelAnswer:
        answering = self._served(version)
        self.asked[answering] += 1
        if answering in self.fails or self.takes_s.get(image, 0) > deadline_s:
            raise ModelUnavailable("It fails.")
        picture = base64.b64encode(png_bytes()).decode()
        return ModelAnswer.from_json(
            {
                "model": {"name": self.model, "version": answering, "weights_sha256": WEIGHTS[answering]},
                "prediction": {"label": "CNV", "confidence": 0.9},
                "probabilities": {"CNV": 0.9, "NORMAL": 0.1},
                "quality": {"acceptable": True, "reasons": []},
                "gradcam": {"label": label or "CNV", "heatmap": picture, "regions": []},
                "state": "answered",
                "because": "one_label",
                "prediction_set": ["CNV"],
                **self.says.get(answering, {}),
            }
        )

    def _served(self, version: str) -> str:
        if self.away:
            raise ModelUnavailable("Nobody is there.")
        answering = version or self.default
        if answering not in self.served:
            raise UnknownVersion("unknown_version", "There is no such version.")
        return answering

    def is_ready(self) -> bool:
        return not self.away

    def versions(self) -> list[ServedVersion]:
        return [
            ServedVersion(self.model, each, each == self.default, "ready", 1, 1, 0) for each in self.served
        ]

    def card(self, version: str = "") -> ModelCard:
        named = self._served(version)
        labels = self.labels.get(named, a_card().labels)
        return replace(
            a_card(),
            name=self.model,
            version=named,
            weights_sha256=WEIGHTS[named],
            labels=labels,
            temperature=self.temperatures.get(named, a_card().temperature),
        )

    def authorization(self) -> str:
        return "Bearer key"

    def metrics(self) -> bytes | None:
        return None


NORMAL = {
    "prediction": {"label": "NORMAL", "confidence": 0.99},
    "probabilities": {"CNV": 0.01, "NORMAL": 0.99},
    "prediction_set": ["NORMAL"],
}
"""Another answer than the usual one, with another urgency."""
STRANGE = {"state": "not_answered", "because": "unfamiliar", "known": False, "prediction_set": []}
SERVER = TwoVersions()
OTHERS: dict[str, TwoVersions] = {}
"""By name further models of the same server."""


def client(model: str = MODEL_NAME) -> TwoVersions:
    """What the settings name."""
    return SERVER if model == MODEL_NAME else OTHERS[model]
