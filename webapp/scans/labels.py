"""The labels that people may give. A label is never free text, which could name somebody."""

from __future__ import annotations

from django.conf import settings

from modalities.guideline import GuidelineError
from webapp.recommendations.guideline import guideline
from webapp.scans.models import Prediction, Scan, ScanQuerySet, Status


def known_labels(scan: Scan) -> tuple[str, ...]:
    """The labels that people may give a scan: those of its model.

    While it waits for its prediction, these are the labels of the newest prediction of all, else of the guideline.
    """
    return tuple(scan.probabilities) or newest_labels(Scan.objects.all()) or _of_the_guideline()


def newest_labels(scans: ScanQuerySet) -> tuple[str, ...]:
    """The labels of the newest prediction of these scans; none without one.

    Only the labels are loaded, so that no record says that somebody looked at that scan.
    """
    predicted = scans.filter(status=Status.PREDICTED).order_by("-timestamp")
    return tuple(predicted.values_list("probabilities", flat=True).first() or ())


def known_label(label: str, scan: Scan) -> str:
    """The label if a model of the scan's predictions, or the guideline, knows it, else "".

    Documents of earlier versions hold labels that were free text while their scan was queued.
    """
    if label in scan.probabilities or label in _of_the_guideline():
        return label
    earlier = Prediction.objects.filter(scan=scan).values_list("probabilities", flat=True)
    known = any(label in probabilities for probabilities in earlier) or label in known_labels(scan)
    return label if known else ""


def _of_the_guideline() -> tuple[str, ...]:
    try:
        found = guideline(settings.MODEL_NAME)
    except GuidelineError:
        return ()
    return tuple(found.steps) if found else ()
