"""Answers that tests have a model server give."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.images import png_bytes
from webapp.inference.model_server import ModelAnswer
from webapp.inference.torchserve import TorchServeClient


def answering(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """The model server finds CSR, and says this beside it."""
    picture = base64.b64encode(png_bytes()).decode()
    answer = ModelAnswer.from_json(
        {
            "model": {"name": "retina-oct", "version": "1.0.0", "weights_sha256": "0" * 64},
            "prediction": {"label": "CSR", "confidence": 0.9},
            "probabilities": {"CSR": 0.9, "NORMAL": 0.1},
            "quality": {"acceptable": True, "reasons": []},
            "gradcam": {"label": "CSR", "heatmap": picture, "regions": []},
            **more,
        }
    )
    monkeypatch.setattr(TorchServeClient, "predict", lambda *_, **__: answer)
