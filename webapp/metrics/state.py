"""The state of the installation at the moment of a scrape: what waits, and how much room there is."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pymongo.errors import PyMongoError

from webapp.core import clock
from webapp.scans.models import Scan, Status

log = logging.getLogger(__name__)


class StateCollector(Collector):
    """Every web app tells the same, so queries take the maximum over them."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The queue of scans, whether the database answers, and the disk of the stored images."""
        yield from _queue()
        yield from _storage()


def _queue() -> Iterator[GaugeMetricFamily]:
    try:
        queued = Scan.objects.filter(status=Status.QUEUED)
        count = queued.count()
        oldest = queued.order_by("timestamp").values_list("timestamp", flat=True).first()
    except (DatabaseError, PyMongoError) as error:
        log.error("The database does not answer: %s", type(error).__name__)
        yield _gauge("retinote_database_up", "Whether MongoDB answers.", 0)
        return
    age_s = (clock.now() - oldest).total_seconds() if oldest else 0.0
    yield _gauge("retinote_database_up", "Whether MongoDB answers.", 1)
    yield _gauge("retinote_queued_scans", "Scans that wait for the model server.", count)
    yield _gauge(
        "retinote_oldest_queued_scan_age_seconds", "Since the oldest was uploaded; 0 without one.", age_s
    )


def _storage() -> Iterator[GaugeMetricFamily]:
    folder = Path(settings.MEDIA_ROOT)
    try:
        disk = shutil.disk_usage(folder if folder.exists() else settings.DATA_DIR)
    except OSError as error:
        log.error("The folder of the images can't be looked at: %s", error.strerror)
        return
    yield _gauge("retinote_storage_free_bytes", "Room on the disk of the stored images.", disk.free)
    yield _gauge("retinote_storage_size_bytes", "Size of the disk of the stored images.", disk.total)


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value)
