"""OCT and chest X-rays, and a model server with a model for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modalities.router import Look
from tests.webapp.scans import two_models
from tests.webapp.scans.two_models import ASKED, AWAY
from webapp.scans import modality

Looks = Callable[[str | None], None]
"""Lets pictures look like a modality: the fixture `looks`."""


@pytest.fixture(autouse=True)
def two_modalities(settings: Any, looks: Looks) -> Iterator[None]:
    """OCT and chest X-rays, and a model server with a model for each; pictures of which nothing can be told."""
    looks(None)
    settings.MODELS = []
    settings.MODEL_SERVER = f"{two_models.__name__}.client"
    ASKED.clear()
    AWAY.clear()
    yield
    AWAY.clear()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Lets every picture look like a modality, OTHER, or nothing sure (None)."""

    def like(said: str | None) -> None:
        monkeypatch.setattr(modality, "look_at", lambda pixels, among: Look(said))

    return like
