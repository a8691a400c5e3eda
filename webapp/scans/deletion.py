"""Removing a scan with everything that belongs to it."""

from __future__ import annotations

from webapp.scans import storage
from webapp.scans.models import Scan
from webapp.transactions import all_or_nothing


def delete_scan(scan: Scan) -> None:
    """Delete the scan's documents, then its files: a crash between the two leaves files, which the sweep removes."""
    names = {scan.image_name}
    for overlay, heatmap in scan.predictions.values_list("overlay_name", "heatmap_name"):
        names |= {overlay, heatmap}
    # By a query: an instance would forget its key in a try that then starts anew.
    all_or_nothing(lambda: Scan.objects.filter(pk=scan.pk).delete())
    storage.delete(*names)
