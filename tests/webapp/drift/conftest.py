"""Scans with answers as a model stores them, written into the database in bulk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from benchmarks import bundled
from handlers.card import CARD_NAME, ModelCard
from tests.webapp.audit.conftest import new_records
from webapp.accounts.models import User
from webapp.core import clock
from webapp.drift.models import DriftStream
from webapp.inference.torchserve import TorchServeClient
from webapp.scans.models import Scan, Status

__all__ = ["new_records"]
FIRST = timedelta(days=9)
"""Before now: the first of the scans."""
APART = timedelta(minutes=1)

Answered = Callable[..., list[Scan]]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> ModelCard:
    """The bundled model's card, as if the model server had sent it; tests/webapp/inference asks a real one."""
    told = ModelCard.load(bundled.MODEL / CARD_NAME)
    monkeypatch.setattr(TorchServeClient, "card", lambda _: told)
    return told


@pytest.fixture
def answered(db: None, card: ModelCard, clinician: User) -> Answered:
    """Makes answered scans, one a minute: `answered(50, brighter=40, device="…")`; those of one call are alike.

    Their values are drawn from the home scans' own distributions, so that none differs by itself.
    """
    noise = np.random.default_rng(3)
    assert card.statistics is not None
    quantiles = card.statistics.reference["kermany"].quantiles
    made = 0
    first = clock.now() - FIRST

    def drawn(name: str) -> float:
        values = quantiles[name]
        return float(np.interp(noise.uniform(), np.linspace(0, 1, len(values)), values))

    def make(
        count: int,
        *,
        brighter: float = 0.0,
        stranger: float = 0.0,
        start: datetime | None = None,
        **fields: Any,
    ) -> list[Scan]:
        nonlocal made
        scans = []
        for number in range(count):
            confidence = drawn("confidence")
            label = str(noise.choice(card.labels))
            others = (1 - confidence) / (len(card.labels) - 1)
            measures = {name: drawn(name) for name in ("black", "median", "white", "sharpness", "layered")}
            measures["median"] += brighter
            values = {
                "user": clinician,
                "clinic": "east",
                "device": "Heidelberg Spectralis",
                "timestamp": (start or first + made * APART) + number * APART,
                "sha256": f"{made + number:064x}",
                "image_name": f"{made + number}.png",
                "width": 512,
                "height": 496,
                "patient_ref": f"P-{made + number}",
                "status": Status.PREDICTED,
                "label": label,
                "confidence": confidence,
                "probabilities": {one: confidence if one == label else others for one in card.labels},
                "familiarity": drawn("familiarity") * (1 - stranger),
                "state": "answered",
                "quality": {"acceptable": True, "reasons": [], "measures": measures},
                "model_name": card.name,
                "model_version": card.version,
                "weights_sha256": card.weights_sha256,
                "predicted_at": clock.now(),
            }
            scans.append(Scan(**{**values, **fields}))
        made += count
        return Scan.objects.bulk_create(scans)

    return make


@pytest.fixture
def both(settings: Any) -> None:
    """The web app serves chest X-rays, too."""
    settings.MODELS = []


def stream() -> DriftStream:
    """The only stream."""
    return DriftStream.objects.get()
