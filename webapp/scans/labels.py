"""Which labels there are: a label is never free text, which could name somebody."""

from __future__ import annotations

from django.conf import settings

from webapp.recommendations.guideline import GuidelineError, guideline
from webapp.scans.models import Prediction, Scan, ScanQuerySet, Status


def known_labels(scan: Scan) -> tuple[str, ...]:
    """What people may call what they see on the scan: the labels of its model.

    While it waits for its prediction: those of the newest prediction of all, else of the guideline; none without.
    """
    return tuple(scan.probabilities) or newest_labels(Scan.objects.all()) or _of_the_guideline()


def newest_labels(scans: ScanQuerySet) -> tuple[str, ...]:
    """What the newest prediction of these scans knows; none without one.

    The labels alone are loaded: whoever asks for them does not look at that scan, and no record shall say so.
    """
    predicted = scans.filter(status=Status.PREDICTED).order_by("-timestamp")
    return tuple(predicted.values_list("probabilities", flat=True).first() or ())


def known_label(label: str, scan: Scan) -> str:
    """The label, or "" for one that no model that has seen the scan knows, nor could have seen it since.

    Documents of earlier versions of this program hold labels that were free text while their scan was queued.
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
