"""Another service that calls the run's TorchServe, over HTTP."""

from typing import Any

import pytest
import requests

from handlers.card import ModelCard
from tests.images import png_bytes
from tests.services import ModelServer

NAME = "retina-oct"
TIMEOUT_S = 120


class Caller:
    """Another service: it knows the address and a key, and nothing else."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._key = server.key()

    def post(
        self, path: str, body: Any = None, content_type: str | None = None, **options: Any
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._key}", **options.pop("headers", {})}
        if content_type:
            headers["Content-Type"] = content_type
        url = f"{self._server.inference_url}{path}"
        return requests.post(url, data=body, headers=headers, timeout=TIMEOUT_S, **options)

    def predict(self, body: Any, content_type: str | None = "image/png", **options: Any) -> requests.Response:
        return self.post(f"/predictions/{NAME}", body, content_type, **options)


@pytest.fixture(scope="module")
def caller(model_server: ModelServer) -> Caller:
    return Caller(model_server)


@pytest.fixture(scope="module")
def card(model_server: ModelServer, caller: Caller) -> ModelCard:
    """The card of the version that answers."""
    version = caller.predict(png_bytes()).json()["model"]["version"]
    return ModelCard.load(model_server.model_store / NAME / version / "model.json")


def other_label(caller: Caller, card: ModelCard, content: bytes) -> str:
    first = caller.predict(content).json()["prediction"]["label"]
    return next(label for label in card.labels if label != first)
