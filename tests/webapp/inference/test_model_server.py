"""Another model server takes TorchServe's place by one name in the settings."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from benchmarks.bundled import MODEL_NAME
from handlers.card import ModelCard
from tests.images import png_bytes
from tests.webapp.conftest import Clients, Upload, signed_in
from webapp.accounts.models import User
from webapp.inference.model_server import (
    HeatGrid,
    ModelAnswer,
    ModelServer,
    ModelUnavailable,
    ServedVersion,
    UnknownVersion,
    client_factory,
)

VERSION = "7.0.0"
METRICS = b"# TYPE another_server_calls counter\nanother_server_calls 3\n"


class Another:
    """A model server of another kind: it gives a stored answer to whatever it is asked, and has one version."""

    def predict(
        self, image: bytes, *, deadline_s: float, request_id: str, version: str = "", label: str = ""
    ) -> ModelAnswer:
        if version not in ("", VERSION):
            raise UnknownVersion("unknown_version", "There is no such version.")
        picture = base64.b64encode(png_bytes()).decode()
        return ModelAnswer.from_json(
            {
                "model": {"name": MODEL_NAME, "version": VERSION, "weights_sha256": "0" * 64},
                "prediction": {"label": "CSR", "confidence": 0.9},
                "probabilities": {"CSR": 0.9, "NORMAL": 0.1},
                "quality": {"acceptable": True, "reasons": []},
                "gradcam": {"label": label or "CSR", "overlay": picture, "heatmap": picture, "regions": []},
            }
        )

    def is_ready(self) -> bool:
        return True

    def versions(self) -> list[ServedVersion]:
        return [ServedVersion(MODEL_NAME, VERSION, True, "ready", 3, 2, pending_requests=0)]

    def card(self, version: str = "") -> ModelCard:
        raise ModelUnavailable("It has no card.")

    def authorization(self) -> str:
        return "Basic another"

    def metrics(self) -> bytes:
        return METRICS


def another() -> ModelServer:
    return Another()


@pytest.fixture(autouse=True)
def in_place_of_torchserve(settings: Any) -> None:
    settings.MODEL_SERVER = f"{__name__}.another"
    # Nobody listens there: whatever still asked TorchServe would fail.
    settings.MODEL_URL = settings.MODEL_MANAGEMENT_URL = "http://127.0.0.1:9"


GRID: dict[str, Any] = {"cells": [[0, 255], [128, 1]], "width": 40, "height": 30}


@pytest.mark.parametrize(
    "wrong",
    [
        {"cells": []},
        {"cells": [[]]},
        {"cells": [[0, 1], [2]]},
        {"cells": [[0, 256]]},
        {"cells": [[0, 0.5]]},
        {"cells": "00"},
        {"width": 0},
        {"height": -30},
        {"width": 40_000, "height": 40_000},
        {"width": None},
    ],
    ids=str,
)
def test_a_grid_that_is_none_is_no_answer(wrong: dict[str, Any]) -> None:
    assert HeatGrid.from_json(GRID).png().startswith(b"\x89PNG")
    with pytest.raises((TypeError, ValueError)):
        HeatGrid.from_json(GRID | wrong)


def test_it_answers_an_upload(clinician: User, upload: Upload) -> None:
    scan = upload(clinician).json()

    assert (scan["status"], scan["prediction"]) == ("predicted", "CSR")
    assert scan["model"] == {"name": MODEL_NAME, "version": VERSION, "withdrawn": False}


def test_it_is_asked_for_another_heat_map_and_for_a_version(
    clinician: User, upload: Upload, api: Clients
) -> None:
    address = f"/api/v1/scans/{upload(clinician).json()['id']}/predictions/"

    assert api(clinician).post(address, {"label": "NORMAL"}).json()["heatmap_label"] == "NORMAL"
    assert api(clinician).post(address, {"version": "1.0.0"}).json()["error"]["fields"] == {
        "version": ["There is no such version."]
    }


def test_it_is_what_readiness_tells_of(db: None) -> None:
    assert Client().get("/readyz/").json()["dependencies"]["model_server"] == "ok"


def test_its_versions_are_listed(administrator: User) -> None:
    browser = signed_in(administrator)

    page = browser.get("/admin/inference/registeredversion/").content.decode()

    assert f">{VERSION}</a></th>" in page
    assert "2 of 3" in page


def test_prometheus_reads_its_metrics(db: None, settings: Any) -> None:
    settings.METRICS_TOKEN = "what-only-prometheus-knows"
    reader = {"Authorization": f"Bearer {settings.METRICS_TOKEN}"}

    assert Client().get("/metrics/model-server", headers=reader).content == METRICS


@pytest.mark.parametrize(
    "name", ["webapp.inference.no_such_module.client", "webapp.inference.torchserve.no", "no"]
)
def test_a_name_of_nothing_is_refused_with_the_setting(settings: Any, name: str) -> None:
    settings.MODEL_SERVER = name

    with pytest.raises(ImproperlyConfigured, match=f"RETINOTE_MODEL_SERVER is '{name}'"):
        client_factory()
