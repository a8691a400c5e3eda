"""The gauges of the queue of results, for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily
from pymongo.errors import PyMongoError

from webapp.metrics.state import gauge, measured
from webapp.pacs.models import Sending, Status

log = logging.getLogger(__name__)


@measured
def results() -> Iterator[GaugeMetricFamily]:
    """How many results wait to be sent, and how many were given up."""
    try:
        waiting, failed = (
            Sending.objects.filter(status=status).count() for status in (Status.WAITING, Status.FAILED)
        )
    except (DatabaseError, PyMongoError) as error:
        log.error("The database does not answer: %s", type(error).__name__)
        return
    yield gauge(
        "retinote_waiting_results", "Results that wait to be sent to a PACS or a health record.", waiting
    )
    yield gauge("retinote_failed_results", "Results that could not be sent there.", failed)
