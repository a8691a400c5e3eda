"""The metrics in Prometheus' text format, and who may read them."""

from __future__ import annotations

import hmac
import os

from django.conf import settings
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from webapp.inference.model_server import model_client
from webapp.metrics.folder import VARIABLE
from webapp.metrics.state import StateCollector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def is_reader(authorization: str) -> bool:
    """Whether an Authorization header holds the metrics token; without a token in the settings none does."""
    token: str = settings.METRICS_TOKEN
    return bool(token) and hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode())


def process_metrics() -> bytes:
    """The metrics of all processes of this service."""
    return generate_latest(_counted())


def web_metrics() -> bytes:
    """The metrics of all processes of this service, and the state of the installation now."""
    state = CollectorRegistry()
    state.register(StateCollector())
    return process_metrics() + generate_latest(state)


def model_metrics() -> bytes | None:
    """The metrics of the model server beside this web app; None where Prometheus asks it directly.

    Raises ModelUnavailable.
    """
    return model_client().metrics()


def _counted() -> CollectorRegistry:
    if VARIABLE not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
