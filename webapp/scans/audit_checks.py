"""Checks for `audit verify --objects`: is the answer that a scan shows one of its predictions?

These fields change without a record of the scan's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from webapp.audit.objects import check_of
from webapp.scans.answered import PREDICTION_FIELDS
from webapp.scans.models import Prediction, Scan

CHUNK = 500


@check_of("scan")
def answers(scans: Sequence[Scan]) -> Iterator[tuple[Scan, str]]:
    """Scans that show an answer which none of their predictions gave."""
    answered = {scan.pk: scan for scan in scans if scan.label}
    made = Prediction.objects.filter(scan__in=list(answered)).order_by("pk")
    for prediction in made.iterator(chunk_size=CHUNK):
        scan = answered.get(prediction.scan_id)
        if scan and all(_said(scan, name) == _said(prediction, name) for name in PREDICTION_FIELDS):
            del answered[scan.pk]
    for scan in answered.values():
        yield scan, "the answer that it shows is none of its predictions"


def _said(document: Scan | Prediction, name: str) -> Any:
    """A field's value; None where it is empty, as an earlier version that still runs does not write all fields."""
    value = getattr(document, name)
    return None if value in ("", [], {}) else value
