"""Predicting scans: at upload, again by request, and later when the model server was away."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db.models import F

from webapp import clock
from webapp.api import request_id
from webapp.inference.client import ImageRefused, ModelAnswer, ModelUnavailable, model_client
from webapp.recommendations.rules import recommend
from webapp.scans import storage
from webapp.scans.models import PREDICTION_FIELDS, Prediction, Scan, Status
from webapp.transactions import all_or_nothing

log = logging.getLogger(__name__)

# A person waits: the answer to an upload comes within 5 s, with a prediction or without.
INTERACTIVE_DEADLINE_S = 4.0
# Nobody waits, and a scan that the server needs long for should still be read one day.
BACKGROUND_DEADLINE_S = 60.0
CLAIM = timedelta(seconds=BACKGROUND_DEADLINE_S + 30)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
BATCH = 50


def predict_claimed(scan: Scan, image: bytes, deadline_s: float) -> None:
    """Predict a queued scan that the caller has claimed, and store what came of it.

    When the model server can't answer, the scan stays queued and the document says when to try again. `scan` has
    the stored state afterwards.
    """
    try:
        answer = model_client().predict(image, deadline_s=deadline_s, request_id=request_id.current())
    except ModelUnavailable:
        _put_back(scan)
    except ImageRefused as refused:
        log.warning("scan %s is refused by the model server: %s", scan.pk, refused.code)
        _finish(scan, status=Status.FAILED, failure={"code": refused.code, "message": refused.message})
    else:
        store_answer(scan, answer)


def predict_again(scan: Scan, version: str = "", label: str = "") -> None:
    """Ask for a new prediction of any scan: by another version, or with the heat map of another label.

    Raises ModelUnavailable or ImageRefused; the scan then stays as it was.
    """
    answer = model_client().predict(
        storage.read(scan.image_name),
        deadline_s=INTERACTIVE_DEADLINE_S,
        request_id=request_id.current(),
        version=version,
        label=label,
    )
    store_answer(scan, answer)


def store_answer(scan: Scan, answer: ModelAnswer) -> None:
    """Keep a prediction as the scan's newest; earlier ones stay."""
    overlay_name = storage.save(answer.overlay, "jpg" if answer.overlay[:2] == b"\xff\xd8" else "png")
    heatmap_name = storage.save(answer.heatmap)
    recommendation = recommend(answer.model_name, answer.probabilities, answer.quality)
    values: dict[str, Any] = {
        "label": answer.label,
        "confidence": answer.confidence,
        "probabilities": answer.probabilities,
        "regions": answer.regions,
        "gradcam_label": answer.gradcam_label,
        "quality": answer.quality,
        "recommendation": recommendation.to_dict(),
        "model_name": answer.model_name,
        "model_version": answer.model_version,
        "weights_sha256": answer.weights_sha256,
        "overlay_name": overlay_name,
        "heatmap_name": heatmap_name,
        "predicted_at": clock.now(),
    }

    def write() -> bool:
        found = _finish(scan, status=Status.PREDICTED, failure=None, **values)
        if found:
            Prediction.objects.create(scan=scan, **values)
        return found

    if not all_or_nothing(write):
        # The scan was deleted while the model server worked on it.
        storage.delete(overlay_name, heatmap_name)


def predict_queued() -> int:
    """Predict the scans that are due, oldest first; returns how many were tried.

    When the model server does not answer at all, nothing is tried and nothing is held against the scans.
    """
    waiting = list(Scan.objects.due().order_by("next_attempt_at").values_list("pk", flat=True)[:BATCH])
    if not waiting or not model_client().is_ready():
        return 0
    tried = 0
    for key in waiting:
        request_id.begin()
        scan = claim(key)
        if scan is None:
            continue
        tried += 1
        try:
            image = storage.read(scan.image_name)
        except FileNotFoundError:
            missing = {"code": "image_missing", "message": "The stored image is gone. Upload it again."}
            _finish(scan, status=Status.FAILED, failure=missing)
            continue
        predict_claimed(scan, image, BACKGROUND_DEADLINE_S)
    return tried


def claim(key: object) -> Scan | None:
    """The scan, if it is due and this caller is the one to predict it; None otherwise."""
    # One update with its condition inside: of two workers at the same moment, one finds nothing to update.
    claimed = Scan.objects.due().filter(pk=key).update(claimed_until=clock.now() + CLAIM)
    return Scan.objects.filter(pk=key).first() if claimed else None


def _put_back(scan: Scan) -> None:
    pause = min(FIRST_PAUSE * 2 ** min(scan.attempts, 16), LONGEST_PAUSE)
    now = clock.now()
    first = scan.attempts == 0
    Scan.objects.filter(pk=scan.pk, status=Status.QUEUED).update(
        attempts=F("attempts") + 1, next_attempt_at=now if first else now + pause, claimed_until=now
    )
    scan.attempts += 1


def _finish(scan: Scan, **values: Any) -> bool:
    found = Scan.objects.filter(pk=scan.pk).update(claimed_until=clock.now(), **values)
    for name, value in values.items():
        setattr(scan, name, value)
    return bool(found)


def restore(scan: Scan) -> bool:
    """Make the newest earlier prediction whose files are there the scan's current one; false if there is none."""
    for earlier in scan.predictions.all():
        if all(storage.path_of(name).exists() for name in (earlier.overlay_name, earlier.heatmap_name)):
            _finish(
                scan, status=Status.PREDICTED, **{name: getattr(earlier, name) for name in PREDICTION_FIELDS}
            )
            return True
    return False
