"""What a scan shows of the model's answer, which follows from one of its predictions.

`audit verify --objects` holds scans to that: these fields change with no record of the scan's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from webapp.audit.objects import follows
from webapp.scans.answered import PREDICTION_FIELDS
from webapp.scans.models import Prediction, Scan

CHUNK = 500


@follows("scan")
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
    """A field's value; None where it says nothing: an earlier version, which runs on for a while, doesn't write all."""
    value = getattr(document, name)
    return None if value in ("", [], {}) else value
