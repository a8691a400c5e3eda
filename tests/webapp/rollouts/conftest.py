"""A model server with two versions, and trials of the second."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.bundled import MODEL_NAME
from tests.webapp.rollouts import two_versions
from tests.webapp.rollouts.two_versions import NEW, TwoVersions
from webapp.audit.models import WaitingRecord
from webapp.rollouts import steps
from webapp.versions.models import Rollout

CHEST = "chest-xray"


@pytest.fixture
def versions(settings: Any, monkeypatch: pytest.MonkeyPatch) -> TwoVersions:
    """The web app asks a model server that serves 1.0.0 by default, and 2.0.0 beside it."""
    made = TwoVersions()
    monkeypatch.setattr(two_versions, "SERVER", made)
    settings.MODEL_SERVER = "tests.webapp.rollouts.two_versions.client"
    settings.GATEWAY_SECRET = "what-only-nginx-knows"
    return made


@pytest.fixture
def chest(versions: TwoVersions, settings: Any, monkeypatch: pytest.MonkeyPatch) -> TwoVersions:
    """The same two versions of another modality's model."""
    settings.MODELS = []
    made = TwoVersions(model=CHEST)
    monkeypatch.setitem(two_versions.OTHERS, CHEST, made)
    return made


def canary(percent: float = 50, *stages: float, every_s: int = 0, **options: Any) -> Rollout:
    return steps.start_canary(MODEL_NAME, NEW, percent, stages, every_s, **options)


def actions() -> list[str]:
    """What was recorded, without the rest of what tests do."""
    told = WaitingRecord.objects.order_by("pk").values_list("action", flat=True)
    return [action for action in told if action.split(".")[0] in ("rollout", "version", "shadow")]
