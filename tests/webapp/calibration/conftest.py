"""Scans that readers have verified, written into the database, and the command `calibrate`."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from handlers.card import ModelCard
from handlers.card_findings import FindingsFacts
from tests.images import encoded
from tests.models import give_statistics, make_model
from tests.webapp.audit.conftest import new_records
from webapp.accounts.models import User
from webapp.core import clock
from webapp.inference.torchserve import TorchServeClient
from webapp.scans import storage
from webapp.scans.final import By, FinalReading
from webapp.scans.models import Scan, Status

__all__ = ["new_records"]
LABELS = ("CNV", "DME", "NORMAL")
VERIFIED = FinalReading(By.READERS, ("CNV",), 2, 2)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small untrained model with statistics."""
    folder = make_model(tmp_path_factory.mktemp("store"))
    give_statistics(folder, least=0.3, known_from=0.05)
    return folder


@pytest.fixture
def card(model: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCard:
    """The model's card, as if the model server had sent it; tests/webapp/inference asks a real one."""
    told = ModelCard.load(model / "model.json")
    monkeypatch.setattr(TorchServeClient, "card", lambda _: told)
    return told


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """Where the model server looks for a profile."""
    settings.CALIBRATION_DIR = tmp_path / "calibration"
    return tmp_path / "calibration"


def command(*options: str) -> str:
    """What `calibrate` prints."""
    out = io.StringIO()
    call_command("calibrate", *options, stdout=out)
    return out.getvalue()


def excluding(label: str) -> FindingsFacts:
    """What a card says about a map of findings that finds fluid, which contradicts the label."""
    return FindingsFacts(
        sha256="0" * 64,
        kinds=("fluid_within",),
        temperature=1.0,
        thresholds={"fluid_within": 0.5},
        least_share=0.0,
        excluded={label: ("fluid_within",)},
    )


Verified = Callable[..., list[Scan]]


@pytest.fixture
def verified(db: None, card: ModelCard, clinician: User) -> Verified:
    """Makes scans that two readers call what they are: `verified(60, per_patient=2, calibration="…")`.

    The model is too sure of itself on them: it is right in seven of ten, and says 0.9 or more.
    """
    noise = np.random.default_rng(0)
    made = 0

    def make(
        count: int,
        *,
        labels: Sequence[str] = LABELS,
        per_patient: int = 1,
        picture: bytes | None = None,
        final: FinalReading = VERIFIED,
        **fields: Any,
    ) -> list[Scan]:
        nonlocal made
        scans = []
        for number in range(made, made + count):
            truth = labels[number % len(labels)]
            said = (
                truth
                if noise.uniform() < 0.7
                else str(noise.choice([label for label in card.labels if label != truth]))
            )
            confidence = noise.uniform(0.9, 0.99)
            others = (1 - confidence) / (len(card.labels) - 1)
            content = (
                encoded(noise.integers(0, 256, (40, 48), dtype=np.uint8)) if picture is None else picture
            )
            scan = {
                "user": clinician,
                "clinic": "east",
                "sha256": f"{number:064x}",
                "image_name": storage.save(content),
                "width": 48,
                "height": 40,
                "patient_ref": f"P-{number // per_patient}",
                "status": Status.PREDICTED,
                "label": said,
                "confidence": confidence,
                "probabilities": {label: confidence if label == said else others for label in card.labels},
                "familiarity": 0.03,
                "quality": {"acceptable": True, "reasons": []},
                "model_name": card.name,
                "model_version": card.version,
                "weights_sha256": card.weights_sha256,
                "predicted_at": clock.now(),
                "reviewed": True,
                "final_reading": replace(
                    final, labels=(truth,) if len(final.labels) == 1 else final.labels
                ).to_dict(),
            }
            scans.append(Scan.objects.create(**(scan | fields)))
        made += count
        return scans

    return make
