"""Removing a scan with everything that belongs to it."""

from __future__ import annotations

from django_mongodb_backend import transaction

from webapp.scans import storage
from webapp.scans.models import Scan


def delete_scan(scan: Scan) -> None:
    """Delete the scan's documents, then its files: a crash between the two leaves files, which the sweep removes."""
    names = set(scan.file_names)
    for overlay, heatmap in scan.predictions.values_list("overlay_name", "heatmap_name"):
        names |= {overlay, heatmap}
    with transaction.atomic():
        scan.delete()
    storage.delete(*names)
