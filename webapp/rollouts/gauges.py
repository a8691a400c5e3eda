"""The gauges of trials of versions, for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily
from pymongo.errors import PyMongoError

from webapp.core import clock, modalities
from webapp.metrics.state import measured
from webapp.versions.models import Kind, Rollout, State, Withdrawal

log = logging.getLogger(__name__)


@measured
def trials() -> Iterator[GaugeMetricFamily]:
    """What runs and for which share, the canary that a guardrail has stopped last, and withdrawn versions."""
    try:
        running = list(Rollout.objects.filter(active__isnull=False))
        canaries = Rollout.objects.filter(kind=Kind.CANARY).order_by("-started")
        last_of_each = [canaries.filter(model_name=name).first() for name in modalities.models()]
        withdrawn = Withdrawal.objects.standing().count()
    except (DatabaseError, PyMongoError) as error:
        log.error("The database does not answer: %s", type(error).__name__)
        return
    share = GaugeMetricFamily(
        "retinote_rollout_percent",
        "Share of patients (canary) or scans (shadow) of a version that is tried.",
        labels=["kind", "model_name", "model_version"],
    )
    watched = GaugeMetricFamily(
        "retinote_rollout_unwatched_seconds",
        "Since a version that is tried was looked at last.",
        labels=["kind", "model_name", "model_version"],
    )
    for rollout in running:
        words = [rollout.kind, rollout.model_name, rollout.version]
        share.add_metric(words, rollout.percent)
        since = rollout.watched_at or rollout.started
        watched.add_metric(words, max(0.0, (clock.now() - since).total_seconds()))
    breached = GaugeMetricFamily(
        "retinote_canary_breached",
        "1 for the last canary of a model if a guardrail has stopped it; until another one begins.",
        labels=["guardrail", "model_name", "model_version"],
    )
    for last in filter(None, last_of_each):
        if last.state != State.BREACHED:
            continue
        breached.add_metric([last.guardrail, last.model_name, last.version], 1)
    yield from (share, watched, breached)
    yield GaugeMetricFamily(
        "retinote_withdrawn_versions",
        "Versions that were withdrawn after they had answered.",
        value=withdrawn,
    )
