"""A model server of another kind, with a model for each of two modalities."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from handlers.card import ModelCard
from tests.images import png_bytes
from tests.webapp.rollouts.two_versions import a_card
from webapp.inference.model_server import ModelAnswer, ModelUnavailable, ServedVersion

OCT, CHEST = "retina-oct", "chest-xray"
SAYS = {OCT: {"CNV": 0.9, "NORMAL": 0.1}, CHEST: {"PNEUMONIA": 0.8, "NORMAL": 0.2}}
ASKED: Counter[str] = Counter()
AWAY: set[str] = set()
"""Models that have no worker."""


@dataclass
class OneModel:
    """The client for a model."""

    model: str
    says: dict[str, float] = field(default_factory=dict)

    def predict(
        self, image: bytes, *, deadline_s: float, request_id: str, version: str = "", label: str = ""
    ) -> ModelAnswer:
        if self.model in AWAY:
            raise ModelUnavailable("Nobody is there.")
        ASKED[self.model] += 1
        probabilities = SAYS[self.model]
        first = next(iter(probabilities))
        picture = base64.b64encode(png_bytes()).decode()
        answer: dict[str, Any] = {
            "model": {"name": self.model, "version": "1.0.0", "weights_sha256": "a" * 64},
            "prediction": {"label": first, "confidence": probabilities[first]},
            "probabilities": probabilities,
            "quality": {"acceptable": True, "reasons": []},
            "gradcam": {"label": label or first, "heatmap": picture, "regions": []},
            "state": "answered",
            "because": "one_label",
            "prediction_set": [first],
        }
        return ModelAnswer.from_json(answer)

    def is_ready(self) -> bool:
        return self.model not in AWAY

    def versions(self) -> list[ServedVersion]:
        return [ServedVersion(self.model, "1.0.0", True, "ready", 1, 1, 0)]

    def card(self, version: str = "") -> ModelCard:
        return a_card()

    def authorization(self) -> str:
        return "Bearer key"

    def metrics(self) -> bytes | None:
        return None


def client(model: str = OCT) -> OneModel:
    """What the settings name."""
    return OneModel(model)
