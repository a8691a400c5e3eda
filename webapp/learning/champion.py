"""Tells MLflow which version answers, where MLflow is set up."""

from __future__ import annotations

import logging

from django.core.cache import cache

from operations.learn import tracking
from webapp.core import modalities
from webapp.inference.model_server import ModelUnavailable, model_client

log = logging.getLogger(__name__)

TOLD = "mlflow-champion"
AGAIN_S = 3600
"""How long a version that was told is not told again."""


def tell() -> None:
    """Give each model's version that answers the alias `champion` in MLflow, if that is new; a failure is logged."""
    if tracking.is_wanted():
        for model in modalities.models():
            _tell(model)


def _tell(model: str) -> None:
    try:
        version = model_client(model).card().version
    except ModelUnavailable:
        return
    told = f"{TOLD}-{model}"
    if cache.get(told) == version:
        return
    problem = tracking.name_champion(model, version)
    if problem:
        log.warning("%s", problem)
        return
    cache.set(told, version, AGAIN_S)
