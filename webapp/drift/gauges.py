"""The gauges of drift, for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily
from pymongo.errors import PyMongoError

from webapp.drift.models import Against, DriftAlarm, DriftStream
from webapp.metrics.state import gauge, measured

log = logging.getLogger(__name__)


@measured
def drift() -> Iterator[GaugeMetricFamily]:
    """How many clinics and devices are watched, and how many alarms nobody has acknowledged, by what differs."""
    try:
        watched = DriftStream.objects.filter(tests__gt=0).count()
        unseen = {
            against: DriftAlarm.objects.unseen().filter(against=against).count() for against in Against.values
        }
    except (DatabaseError, PyMongoError) as error:
        log.error("The database does not answer: %s", type(error).__name__)
        return
    yield gauge(
        "retinote_drift_watched_streams", "Clinics and devices whose scans are watched for drift.", watched
    )
    family = GaugeMetricFamily(
        "retinote_drift_unacknowledged_alarms",
        "Clinics and devices whose scans differ, and nobody has said that they know.",
        labels=["against"],
    )
    for against, count in unseen.items():
        family.add_metric([against], count)
    yield family
