"""The labels that people may give. A label is never free text, which could name somebody."""

from __future__ import annotations

from modalities.guideline import GuidelineError
from webapp.core import modalities
from webapp.core.modalities import BEFORE
from webapp.recommendations.guideline import guideline
from webapp.scans.models import Prediction, Scan, ScanQuerySet, Status


def known_labels(scan: Scan) -> tuple[str, ...]:
    """The labels that people may give a scan: those of its model.

    While it waits for its prediction, these are the labels of the newest prediction of its modality, else of the
    guideline.
    """
    modality = scan.modality or BEFORE
    return (
        tuple(scan.probabilities)
        or newest_labels(_of(Scan.objects.all(), modality))
        or _of_the_guideline(modality)
    )


def newest_labels(scans: ScanQuerySet) -> tuple[str, ...]:
    """The labels of the newest prediction of these scans; none without one.

    Only the labels are loaded, so that no record says that somebody looked at that scan.
    """
    predicted = scans.filter(status=Status.PREDICTED).order_by("-timestamp")
    return tuple(predicted.values_list("probabilities", flat=True).first() or ())


def all_newest_labels(scans: ScanQuerySet) -> tuple[str, ...]:
    """The labels of the newest prediction of each modality among these scans."""
    found = [newest_labels(_of(scans, each.name)) for each in modalities.profiles()]
    return tuple(dict.fromkeys(label for labels in found for label in labels))


def known_label(label: str, scan: Scan) -> str:
    """The label if a model of the scan's predictions, or the guideline, knows it, else "".

    Documents of earlier versions hold labels that were free text while their scan was queued.
    """
    if label in scan.probabilities or label in _of_the_guideline(scan.modality or BEFORE):
        return label
    earlier = Prediction.objects.filter(scan=scan).values_list("probabilities", flat=True)
    known = any(label in probabilities for probabilities in earlier) or label in known_labels(scan)
    return label if known else ""


def _of(scans: ScanQuerySet, modality: str) -> ScanQuerySet:
    """Those of a modality; all of them where it is the only one."""
    return scans if len(modalities.profiles()) == 1 else scans.of_modality(modality)


def _of_the_guideline(modality: str) -> tuple[str, ...]:
    try:
        found = guideline(modalities.model_of(modality))
    except GuidelineError:
        return ()
    return tuple(found.steps) if found else ()
