"""The gauges of the queue of scans, for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily
from pymongo.errors import PyMongoError

from webapp.core import clock
from webapp.metrics.state import gauge, measured
from webapp.scans.models import Scan, Status

log = logging.getLogger(__name__)


@measured
def queue() -> Iterator[GaugeMetricFamily]:
    """Whether the database answers, how many scans wait, and for how long, in seconds."""
    try:
        queued = Scan.objects.filter(status=Status.QUEUED)
        count = queued.count()
        oldest = queued.order_by("timestamp").values_list("timestamp", flat=True).first()
    except (DatabaseError, PyMongoError) as error:
        log.error("The database does not answer: %s", type(error).__name__)
        yield gauge("retinote_database_up", "Whether MongoDB answers.", 0)
        return
    age_s = (clock.now() - oldest).total_seconds() if oldest else 0.0
    yield gauge("retinote_database_up", "Whether MongoDB answers.", 1)
    yield gauge("retinote_queued_scans", "Scans that wait for the model server.", count)
    yield gauge(
        "retinote_oldest_queued_scan_age_seconds", "Since the oldest was uploaded; 0 without one.", age_s
    )
