"""The state of the installation at the moment of a scrape: free storage, and what other apps measure."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

Gauges = Callable[[], Iterator[GaugeMetricFamily]]
_measured: list[Gauges] = []


def measured(gauges: Gauges) -> Gauges:
    """Decorator of a function that yields gauges at each scrape; for the apps above this one."""
    _measured.append(gauges)
    return gauges


class StateCollector(Collector):
    """Collects the gauges of all apps. Every web app gives the same ones, so queries take the maximum over them."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges of other apps, and those of the disk with the stored images."""
        for gauges in _measured:
            yield from gauges()
        yield from _storage()


def gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    """A gauge with a name, a description and one value."""
    return GaugeMetricFamily(name, what, value=value)


def _storage() -> Iterator[GaugeMetricFamily]:
    folder = Path(settings.MEDIA_ROOT)
    try:
        disk = shutil.disk_usage(folder if folder.exists() else settings.DATA_DIR)
    except OSError as error:
        log.error("The folder of the images can't be looked at: %s", error.strerror)
        return
    yield gauge("retinote_storage_free_bytes", "Room on the disk of the stored images.", disk.free)
    yield gauge("retinote_storage_size_bytes", "Size of the disk of the stored images.", disk.total)
