"""Predicting scans: at upload, again by request, and later when the model server was away."""

from __future__ import annotations

import contextvars
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from bson import ObjectId
from django.db.models import F

from webapp.accounts.models import User
from webapp.accounts.pseudonyms import circle_of
from webapp.core import clock, modalities, request_id
from webapp.core.modalities import BEFORE
from webapp.inference.model_server import (
    CONNECTIONS,
    ImageRefused,
    ModelAnswer,
    ModelFault,
    ModelUnavailable,
    model_client,
)
from webapp.scans import storage
from webapp.scans.models import MOST_ATTEMPTS, Scan, ScanQuerySet, Status
from webapp.scans.stored_answers import prepare, reload, store
from webapp.versions import calls, choosing
from webapp.versions.choosing import Choice
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
# Threads that wait for the model server, no more than there are connections to it; each is made when it is needed. For
# what nobody waits for there are others: a slow model server keeps these for a minute each.
_asking = ThreadPoolExecutor(CONNECTIONS - AT_ONCE, thread_name_prefix="asking")
_asking_in_background = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="asking-in-background")
Asked = tuple[Scan, Future[ModelAnswer]]
"""A scan that the caller has claimed, and what the model server says of it, or will."""
IMAGE_MISSING = ("image_missing", "The stored image is gone. Upload the file again.")


def ask(image: bytes, deadline_s: float, subject: str, modality: str) -> Future[ModelAnswer]:
    """Begin to ask the model of a modality, so that the caller can do something else until it answers.

    The version is the one that answers the subject now (`choosing.subject_of`). The future's result is the answer; it
    raises ModelUnavailable or ImageRefused. The time runs from now on, also while no thread is free.
    """
    ends = time.monotonic() + deadline_s
    asked = request_id.current()
    try:
        choice = choosing.choose(subject, model=model_for(modality))
    except ModelUnavailable as error:
        failed: Future[ModelAnswer] = Future()
        failed.set_exception(error)
        return failed
    context = contextvars.copy_context()  # lines in the log have the request's id there, too

    def predict() -> ModelAnswer:
        left_s = ends - time.monotonic()
        if left_s <= 0:
            raise ModelUnavailable("The model server was busy with others until it was too late.")
        return choosing.predict(choice, image, deadline_s=left_s, request_id=asked)

    threads = _asking_in_background if deadline_s > INTERACTIVE_DEADLINE_S else _asking
    return threads.submit(context.run, predict)


def model_for(modality: str | None) -> str:
    """The name of the model that answers a modality. Raises ModelUnavailable for one that isn't served here.

    No other model ever answers in its place.
    """
    found = modalities.answering(modality)
    if found is None:
        raise ModelUnavailable(f"No model for scans of the modality {modality or BEFORE} is served here.")
    return found.model


def is_ready(modality: str | None) -> bool:
    """Whether the model of a modality can answer."""
    try:
        return model_client(model_for(modality)).is_ready()
    except ModelUnavailable:
        return False


def subject_of(scan: Scan) -> str:
    """Whom a stored scan is of, for the choice of a version: the same as when it was uploaded."""
    return choosing.subject_of(circle_of(scan.clinic, scan.user_id), scan.patient_ref, scan.sha256)


def predict_claimed(scan: Scan, image: bytes, deadline_s: float) -> None:
    """Predict a queued scan that the caller has claimed, and store what came of it, as `conclude` does."""
    conclude(scan, ask(image, deadline_s, subject_of(scan), scan.modality))


def conclude(
    scan: Scan, asked: Future[ModelAnswer], shown_to: User | None = None, ends: float | None = None
) -> bool:
    """Wait for what the model server says of a queued scan that the caller has claimed, and store what came of it.

    When the model server can't answer, or the disk has no room for its pictures, the scan stays queued and the
    document says when to try again. A fault of the model server with this scan alone counts as the scan's after
    `MOST_ATTEMPTS`. When the claim ran out meanwhile, or somebody had the scan predicted, what came of it is dropped.
    `scan` has the stored state afterwards.

    Where somebody waits, the wait `ends` at that reading of the monotonic clock, as if the model server could not answer.
    `shown_to` is whoever gets the answer at once: with it goes the note that it was shown. Returns whether the answer was
    stored, and with it the note.
    """
    return bool(conclude_together([(scan, asked)], shown_to, ends))


def conclude_together(
    asked: Sequence[Asked], shown_to: User | None = None, ends: float | None = None
) -> list[Scan]:
    """The same for several scans, whose answers are stored in one transaction; returns those of which they were."""
    answers = []
    stored: list[Scan] = []
    for scan, asking in asked:
        try:
            answer = asking.result(None if ends is None else ends - time.monotonic())
        except ModelFault as fault:
            log.warning("the model server fails at scan %s: %s", scan.pk, fault.code)
            if scan.attempts + 1 < MOST_ATTEMPTS:
                _put_back(scan)
            else:
                _fail(scan, fault.code, fault.message)
        except (ModelUnavailable, TimeoutError):
            asking.cancel()
            _put_back(scan)
        except ImageRefused as refused:
            log.warning("scan %s is refused by the model server: %s", scan.pk, refused.code)
            _fail(scan, refused.code, refused.message)
        else:
            answers.append(prepare(scan, answer, _claimed(scan)))
    try:
        stored = store(answers, shown_to)
    except OSError as error:
        for each in answers:
            log.error(
                "The pictures of the answer to scan %s can't be written: %s", each.scan.pk, error.strerror
            )
            _wait_for_storage(each.scan)
    for scan in {scan.volume_id: scan for scan, _ in asked if scan.status != Status.QUEUED}.values():
        leads.follow(scan)
    calls.store()
    return stored


def predict_again(
    scan: Scan, version: str = "", label: str = "", deadline_s: float = INTERACTIVE_DEADLINE_S
) -> None:
    """Ask for a new prediction of any scan: by another version, or with the heat map of another label.

    Without a version, the one answers that answers the scan's patient now. Raises ModelUnavailable or ImageRefused, and
    OSError when the disk is full; the scan then stays as it was.
    """
    model = model_for(scan.modality)
    image = storage.read(scan.image_name)
    named = Choice(version, is_named=True, model=model)
    try:
        answer = choosing.predict(
            named if version else choosing.choose(subject_of(scan), model=model),
            image,
            deadline_s=deadline_s,
            request_id=request_id.current(),
            label=label,
        )
    finally:
        calls.store()
    store([prepare(scan, answer, Scan.objects.filter(pk=scan.pk))])
    leads.follow(scan)
    reload(scan)  # people may have been at it since it was loaded


def predict_queued() -> int:
    """Predict the scans that are due, oldest first; returns how many were tried.

    Before each few B-scans of volumes come the scans that are none, so that nobody's scan waits behind a volume of
    somebody else. While the model of a modality does not answer at all, none of its scans is tried, and nothing is held
    against them.
    """
    looked_at: list[ObjectId] = []
    away: list[str] = []
    tried = 0
    while len(looked_at) < BATCH:
        due = Scan.objects.due().exclude(pk__in=looked_at).order_by("next_attempt_at", "pk")
        due = due.exclude(modality__in=away) if away else due
        found = list(due.filter(volume__isnull=True).values_list("pk", "modality")[:1])
        found = found or list(due.values_list("pk", "modality")[:AT_ONCE])
        if not found:
            break
        modality = found[0][1]
        keys = [key for key, its in found if its == modality]
        looked_at += keys
        if is_ready(modality):
            try:
                tried += predict_together(keys)
            except OSError as error:
                log.error("The scans in the queue wait, as their images can't be read: %s", error.strerror)
                break
        else:
            away.append(modality or BEFORE)
    leads.follow_all()
    return tried


def predict_together(keys: Iterable[ObjectId], asked: Sequence[Asked] = ()) -> int:
    """Predict scans of the queue, a few of them at once, in their order; returns how many of them were due.

    Those that are `asked` about already come before them. It ends when the model server can't answer: the rest stays in the queue.
    So it does when an image can't be read for now, and raises OSError once those that were asked about are stored.
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
            image = storage.read(scan.image_name)
            waiting.append((scan, ask(image, BACKGROUND_DEADLINE_S, subject_of(scan), scan.modality)))
        except FileNotFoundError:
            _fail(scan, *IMAGE_MISSING)
            leads.follow(scan)
        except OSError:
            _wait_for_storage(scan)
            while waiting:
                conclude_first()
            raise
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


def _claimed(scan: Scan) -> ScanQuerySet:
    """The scan as long as it is queued and the claim that `scan` was loaded with is the last one."""
    return Scan.objects.filter(pk=scan.pk, status=Status.QUEUED, claimed_until=scan.claimed_until)


def _put_back(scan: Scan) -> None:
    """Give up the claim. The scan waits, longer each time, only where it may be the cause of the failure itself."""
    now = clock.now()
    pause = pause_after(scan.attempts)
    if pause and not is_ready(scan.modality):
        pause = timedelta(0)
    _claimed(scan).update(attempts=F("attempts") + 1, next_attempt_at=now + pause, claimed_until=now)
    reload(scan)


def pause_after(attempts: int) -> timedelta:
    """How long a scan waits that a model server could not answer, though it is ready, and so often before."""
    return min(FIRST_PAUSE * 2 ** min(attempts - 1, 16), LONGEST_PAUSE) if attempts else timedelta(0)


def _wait_for_storage(scan: Scan) -> None:
    """Give up the claim for a moment. A full disk, or S3 that is away, does not count as an attempt."""
    now = clock.now()
    _claimed(scan).update(next_attempt_at=now + FIRST_PAUSE, claimed_until=now)
    reload(scan)


def _fail(scan: Scan, code: str, message: str) -> None:
    failure = {"code": code, "message": message}
    _claimed(scan).update(status=Status.FAILED, failure=failure, claimed_until=clock.now())
    reload(scan)
