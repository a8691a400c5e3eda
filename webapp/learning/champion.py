"""Tells MLflow which version answers, where MLflow is set up."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.cache import cache

from operations.learn import tracking
from webapp.inference.model_server import ModelUnavailable, model_client

log = logging.getLogger(__name__)

TOLD = "mlflow-champion"
AGAIN_S = 3600
"""How long a version that was told is not told again."""


def tell() -> None:
    """Give the version that answers the alias `champion` in MLflow, if that is new; a failure is logged."""
    if not tracking.is_wanted():
        return
    try:
        version = model_client().card().version
    except ModelUnavailable:
        return
    if cache.get(TOLD) == version:
        return
    problem = tracking.name_champion(settings.MODEL_NAME, version)
    if problem:
        log.warning("%s", problem)
        return
    cache.set(TOLD, version, AGAIN_S)
