"""Predicting scans: at upload, again by request, and later when the model server was away."""

from __future__ import annotations

import contextvars
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from webapp.audit.models import Action
from webapp.audit.recording import acting, record
from webapp.core import clock, request_id
from webapp.inference.model_server import (
    CONNECTIONS,
    ImageRefused,
    ModelAnswer,
    ModelUnavailable,
    model_client,
)
from webapp.metrics import instruments
from webapp.mongodb.transactions import all_or_nothing
from webapp.recommendations.rules import recommend
from webapp.scans import storage
from webapp.scans.answered import PREDICTION_FIELDS, Answered
from webapp.scans.models import Prediction, Scan, ScanQuerySet, Status

log = logging.getLogger(__name__)

# A person waits for the answer to an upload, which comes within 5 s, with a prediction or without.
INTERACTIVE_DEADLINE_S = 4.0
# Nobody waits, and a scan that takes the model server long should still be predicted.
BACKGROUND_DEADLINE_S = 60.0
CLAIM = timedelta(seconds=BACKGROUND_DEADLINE_S + 30)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
BATCH = 50
# Threads that wait for the model server, no more than there are connections to it; each is made when it is needed.
_asking = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="asking")
IMAGE_MISSING = ("image_missing", "The stored image is gone. Upload the file again.")


def ask(image: bytes, deadline_s: float) -> Future[ModelAnswer]:
    """Begin to ask the model server, so that the caller can do something else until it answers.

    The future's result is the answer; it raises ModelUnavailable or ImageRefused.
    """
    asked = request_id.current()
    context = contextvars.copy_context()  # lines in the log have the request's id there, too

    def predict() -> ModelAnswer:
        return model_client().predict(image, deadline_s=deadline_s, request_id=asked)

    return _asking.submit(context.run, predict)


def predict_claimed(scan: Scan, image: bytes, deadline_s: float) -> None:
    """Predict a queued scan that the caller has claimed, and store what came of it, as `conclude` does."""
    conclude(scan, ask(image, deadline_s))


def conclude(scan: Scan, asked: Future[ModelAnswer]) -> None:
    """Wait for what the model server says of a queued scan that the caller has claimed, and store what came of it.

    When the model server can't answer, or the disk has no room for its pictures, the scan stays queued and the
    document says when to try again. When the claim ran out meanwhile, or somebody had the scan predicted, what came of
    it is dropped. `scan` has the stored state afterwards.
    """
    try:
        answer = asked.result()
    except ModelUnavailable:
        _put_back(scan)
    except ImageRefused as refused:
        log.warning("scan %s is refused by the model server: %s", scan.pk, refused.code)
        _fail(scan, refused.code, refused.message)
    else:
        try:
            _store(scan, answer, _claimed(scan))
        except OSError as error:
            log.error("The pictures of the answer to scan %s can't be written: %s", scan.pk, error.strerror)
            _wait_for_the_disk(scan)


def predict_again(scan: Scan, version: str = "", label: str = "") -> None:
    """Ask for a new prediction of any scan: by another version, or with the heat map of another label.

    Raises ModelUnavailable or ImageRefused, and OSError when the disk is full; the scan then stays as it was.
    """
    answer = model_client().predict(
        storage.read(scan.image_name),
        deadline_s=INTERACTIVE_DEADLINE_S,
        request_id=request_id.current(),
        version=version,
        label=label,
    )
    _store(scan, answer, Scan.objects.filter(pk=scan.pk))
    _reload(scan)  # people may have changed it since it was loaded


def _store(scan: Scan, answer: ModelAnswer, still: ScanQuerySet) -> None:
    """Keep a prediction as the scan's newest if the scan is `still` as the caller wants it; earlier ones stay.

    Raises OSError when one of its pictures can't be written; neither they nor any document are stored then.
    """
    heatmap = storage.begin_to_save(answer.heatmap)
    findings = storage.begin_to_save(answer.findings_map) if answer.findings_map else None
    pictures = [heatmap, *([findings] if findings else [])]
    recommendation = recommend(
        answer.model_name, answer.probabilities, answer.quality, answer.caveats, answer.answer
    )
    names = {
        "heatmap_name": heatmap.name,
        "overlay_name": heatmap.name,
        "findings_name": findings.name if findings else "",
    }
    predicted = _fields_of(answer) | names | {"recommendation": recommendation.to_dict()}
    values = predicted | {
        "status": Status.PREDICTED,
        "failure": None,
        # The end of the claim, too: whoever else is at work on the scan finds that it has been done.
        "claimed_until": predicted["predicted_at"],
        "urgency_rank": recommendation.rank,
        "waited_ms": _waited_ms(scan, predicted["predicted_at"]),
    }

    def write() -> bool:
        found = still.update(**values)
        if found:
            _record(Prediction.objects.create(scan=scan, **predicted))
        for picture in pictures:
            picture.wait()  # no document names a file that isn't there
        return bool(found)

    try:
        written = all_or_nothing(write)
    except OSError:
        for picture in pictures:
            picture.discard()
        raise
    if not written:
        # The scan was deleted, or predicted by somebody else, while the model server worked on it.
        storage.delete(*(picture.name for picture in pictures))
        _reload(scan)
        return
    instruments.count_prediction(
        answer.answer,
        answer.confidence,
        answer.model_name,
        answer.model_version,
        answer.quality.get("reasons", []),
    )
    # What was written is known: reading it back would cost whoever waits a round trip.
    for name, value in values.items():
        setattr(scan, name, value)


def _fields_of(answer: ModelAnswer) -> dict[str, Any]:
    """The fields of `Answered` that follow from the answer: those of the same names, and the time."""
    said = {
        part.name: getattr(answer, part.name) for part in fields(answer) if part.name in PREDICTION_FIELDS
    }
    return said | {"predicted_at": clock.now()}


def _waited_ms(scan: Scan, predicted_at: datetime) -> int:
    """From the upload to the scan's first prediction."""
    if scan.waited_ms is not None:
        return scan.waited_ms
    return round((predicted_at - scan.timestamp).total_seconds() * 1000)


def _record(made: Prediction) -> None:
    record(
        Action.PREDICTION_CREATE,
        acting(),
        "prediction",
        scan_id=made.scan_id,
        after=made,
        weights_sha256=made.weights_sha256,
    )


def predict_queued() -> int:
    """Predict the scans that are due, oldest first; returns how many were tried.

    When the model server does not answer at all, nothing is tried and nothing is held against the scans.
    """
    tried = 0
    for key in list(Scan.objects.due().order_by("next_attempt_at").values_list("pk", flat=True)[:BATCH]):
        if not model_client().is_ready():
            break
        scan = claim(key)
        if scan is None:
            continue
        request_id.begin(scan.request_id or "")  # what follows belongs to the upload
        tried += 1
        try:
            image = storage.read(scan.image_name)
        except FileNotFoundError:
            _fail(scan, *IMAGE_MISSING)
            continue
        predict_claimed(scan, image, BACKGROUND_DEADLINE_S)
        log.info("scan %s, left by its upload, is %s", scan.pk, scan.status)
    return tried


def claim(key: object) -> Scan | None:
    """The scan, if it is due and this caller is the one to predict it; None otherwise."""
    until = clock.now() + CLAIM
    # One update with its condition inside: of two workers at the same moment, one finds nothing to update.
    claimed = Scan.objects.due().filter(pk=key).update(claimed_until=until)
    return Scan.objects.filter(pk=key, claimed_until=until).first() if claimed else None


def restore(scan: Scan) -> bool:
    """Show an earlier prediction with the same answer whose pictures still exist; returns whether there is one.

    Predictions of other weights, or under another calibration, don't count: they would change what people read.
    """
    same = {"weights_sha256": scan.weights_sha256, "gradcam_label": scan.gradcam_label}
    for earlier in scan.predictions.filter(**same):
        if _said(earlier) == _said(scan) and not lacks_pictures(earlier):
            values = {name: getattr(earlier, name) for name in PREDICTION_FIELDS}
            Scan.objects.filter(pk=scan.pk).update(**values)
            return True
    return False


def lacks_pictures(predicted: Answered) -> bool:
    """Whether a picture of an answer is gone; every answer has a heat map."""
    return not predicted.heatmap_name or not all(storage.exists(name) for name in predicted.pictures)


def _said(predicted: Answered) -> tuple[Any, ...]:
    # Kinds of findings and no shares: engines differ in the last digits.
    found = predicted.findings and {region["finding"] for region in predicted.findings["regions"]}
    return predicted.answer, predicted.calibration or "", found


def _claimed(scan: Scan) -> ScanQuerySet:
    """The scan as long as it is queued and the claim that `scan` was loaded with is the last one."""
    return Scan.objects.filter(pk=scan.pk, status=Status.QUEUED, claimed_until=scan.claimed_until)


def _put_back(scan: Scan) -> None:
    """Give up the claim. The scan waits, longer each time, only where it may be the cause of the failure itself."""
    now = clock.now()
    if scan.attempts == 0 or not model_client().is_ready():
        pause = timedelta(0)
    else:
        pause = min(FIRST_PAUSE * 2 ** min(scan.attempts - 1, 16), LONGEST_PAUSE)
    _claimed(scan).update(attempts=F("attempts") + 1, next_attempt_at=now + pause, claimed_until=now)
    _reload(scan)


def _wait_for_the_disk(scan: Scan) -> None:
    """Give up the claim for a moment. A full disk does not count as an attempt."""
    now = clock.now()
    _claimed(scan).update(next_attempt_at=now + FIRST_PAUSE, claimed_until=now)
    _reload(scan)


def _fail(scan: Scan, code: str, message: str) -> None:
    failure = {"code": code, "message": message}
    _claimed(scan).update(status=Status.FAILED, failure=failure, claimed_until=clock.now())
    _reload(scan)


def _reload(scan: Scan) -> None:
    try:
        scan.refresh_from_db()
    except Scan.DoesNotExist:
        log.info("scan %s was deleted meanwhile", scan.pk)
