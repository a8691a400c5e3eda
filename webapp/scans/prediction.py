"""Predicting scans: at upload, again by request, and later when the model server was away."""

from __future__ import annotations

import contextvars
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from django.db.models import F

from webapp.audit.models import Action
from webapp.audit.recording import Change, acting, record_each
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
from webapp.volumes import leads

log = logging.getLogger(__name__)

# A person waits for the answer to an upload, which comes within 5 s, with a prediction or without.
INTERACTIVE_DEADLINE_S = 4.0
# Nobody waits, and a scan that takes the model server long should still be predicted.
BACKGROUND_DEADLINE_S = 60.0
CLAIM = timedelta(seconds=BACKGROUND_DEADLINE_S + 30)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
BATCH = 50
AT_ONCE = 16
"""B-scans of volumes that one process asks about at once: two batches of a worker. Whoever uploads meanwhile waits behind
these, and not behind a whole volume."""
# Threads that wait for the model server, no more than there are connections to it; each is made when it is needed.
_asking = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="asking")
Asked = tuple[Scan, Future[ModelAnswer]]
"""A scan that the caller has claimed, and what the model server says of it, or will."""
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
    conclude_together([(scan, asked)])


def conclude_together(asked: Sequence[Asked]) -> None:
    """The same for several scans, whose answers are stored in one transaction."""
    answers = []
    for scan, asking in asked:
        try:
            answer = asking.result()
        except ModelUnavailable:
            _put_back(scan)
        except ImageRefused as refused:
            log.warning("scan %s is refused by the model server: %s", scan.pk, refused.code)
            _fail(scan, refused.code, refused.message)
        else:
            answers.append(_prepared(scan, answer, _claimed(scan)))
    try:
        _store(answers)
    except OSError as error:
        for each in answers:
            log.error(
                "The pictures of the answer to scan %s can't be written: %s", each.scan.pk, error.strerror
            )
            _wait_for_the_disk(each.scan)
    for scan in {scan.volume_id: scan for scan, _ in asked if scan.status != Status.QUEUED}.values():
        leads.follow(scan)


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
    _store([_prepared(scan, answer, Scan.objects.filter(pk=scan.pk))])
    leads.follow(scan)
    _reload(scan)  # people may have been at it since it was loaded


@dataclass(frozen=True, eq=False)
class _Answered:
    """What is to be stored of a scan, if it is `still` as the caller wants it, and the pictures on their way to the disk."""

    scan: Scan
    answer: ModelAnswer
    still: ScanQuerySet
    predicted: dict[str, Any]
    values: dict[str, Any]
    pictures: tuple[storage.Writing, ...]


def _prepared(scan: Scan, answer: ModelAnswer, still: ScanQuerySet) -> _Answered:
    """Work out what follows from an answer, and begin to write its pictures."""
    heatmap = storage.begin_to_save(answer.heatmap)
    findings = storage.begin_to_save(answer.findings_map) if answer.findings_map else None
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
    return _Answered(scan, answer, still, predicted, values, (heatmap, *filter(None, [findings])))


def _store(answers: Sequence[_Answered]) -> None:
    """Keep predictions as their scans' newest, where the scans are still as they should be; earlier ones stay.

    Raises OSError when a picture can't be written; none of them, nor anything in the database, is left then.
    """

    def write() -> list[_Answered]:
        found = [each for each in answers if each.still.update(**each.values)]
        made = [Prediction(pk=ObjectId(), scan=each.scan, **each.predicted) for each in found]
        Prediction.objects.bulk_create(made)
        changes = [Change(one.scan_id, after=one, weights_sha256=one.weights_sha256) for one in made]
        record_each(Action.PREDICTION_CREATE, acting(), "prediction", changes)
        for each in answers:
            for picture in each.pictures:
                picture.wait()  # no document names a file that isn't there
        return found

    try:
        written = all_or_nothing(write) if answers else []
    except OSError:
        for each in answers:
            for picture in each.pictures:
                picture.discard()
        raise
    for each in answers:
        if each not in written:
            # The scan was deleted, or predicted by somebody else, while the model server worked on it.
            storage.delete(*(picture.name for picture in each.pictures))
            _reload(each.scan)
            continue
        answer = each.answer
        instruments.count_prediction(
            answer.answer,
            answer.confidence,
            answer.model_name,
            answer.model_version,
            answer.quality.get("reasons", []),
        )
        # What was written is known: reading it back would cost whoever waits a round trip.
        for name, value in each.values.items():
            setattr(each.scan, name, value)


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


def predict_queued() -> int:
    """Predict the scans that are due, oldest first; returns how many were tried.

    Before each few B-scans of volumes come the scans that are none, so that nobody's scan waits behind a volume of
    somebody else. When the model server does not answer at all, nothing is tried and nothing is held against the scans.
    """
    looked_at: list[ObjectId] = []
    tried = 0
    while len(looked_at) < BATCH:
        due = Scan.objects.due().exclude(pk__in=looked_at).order_by("next_attempt_at", "pk")
        keys = list(due.filter(volume__isnull=True).values_list("pk", flat=True)[:1])
        keys = keys or list(due.values_list("pk", flat=True)[:AT_ONCE])
        if not keys or not model_client().is_ready():
            break
        looked_at += keys
        tried += predict_together(keys)
    leads.follow_all()
    return tried


def predict_together(keys: Iterable[ObjectId], asked: Sequence[Asked] = ()) -> int:
    """Predict scans of the queue, a few of them at once, in their order; returns how many of them were due.

    Those that are `asked` about already come before them. It ends when the model server can't answer: the rest stays in the queue.
    """
    tried = 0
    waiting = deque(asked)
    away = False

    def conclude_first() -> bool:
        first = waiting.popleft()
        together = [first]
        # Those that are answered meanwhile are stored with it; each record tells one upload's id.
        while waiting and waiting[0][1].done() and waiting[0][0].request_id == first[0].request_id:
            together.append(waiting.popleft())
        request_id.begin(first[0].request_id or "")
        conclude_together(together)
        for scan, _ in together:
            log.info("scan %s, left by its upload, is %s", scan.pk, scan.status)
        return any(scan.status == Status.QUEUED for scan, _ in together)

    for key in keys:
        if away:
            break
        scan = claim(key)
        if scan is None:
            continue
        request_id.begin(scan.request_id or "")  # what follows belongs to the upload
        tried += 1
        try:
            waiting.append((scan, ask(storage.read(scan.image_name), BACKGROUND_DEADLINE_S)))
        except FileNotFoundError:
            _fail(scan, *IMAGE_MISSING)
            leads.follow(scan)
        if len(waiting) >= AT_ONCE:
            away = conclude_first()
    while waiting:
        conclude_first()
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
