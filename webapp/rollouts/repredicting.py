"""Predicts again what withdrawn versions have answered: asked for by a person, done by the worker, a few at a time.

The withdrawal's document says how far it is. A worker that dies leaves it where it was.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import timedelta
from enum import Enum, auto

from django.db.models import F

from webapp.audit.models import Action
from webapp.audit.recording import acting, record
from webapp.core import clock, request_id
from webapp.inference.model_server import ImageRefused, ModelUnavailable, model_client
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans import prediction
from webapp.scans.models import MOST_ATTEMPTS, Scan
from webapp.scans.room import NoRoom
from webapp.scans.withdrawn import answered_by, left_to_predict_again
from webapp.versions.models import Withdrawal, WithdrawalQuerySet

log = logging.getLogger(__name__)

BATCH = 20
LOOKED_AT = 200
"""Scans among which a batch is looked for; the others wait, as the model server could not answer them."""
BATCH_S = 60.0
"""After so many seconds of a batch no further scan is begun."""
CLAIM = timedelta(minutes=5)
"""Longer than a batch takes, with the last scan that it began."""


class _Became(Enum):
    """What came of a try to predict a scan again."""

    DONE = auto()
    REFUSED = auto()
    LATER = auto()
    """It waits for its next attempt."""
    NOT_TRIED = auto()
    """Nothing can be predicted now."""


class NothingToPredict(Exception):
    """There is no scan to predict again; the message says why."""


def ask(name: str) -> int:
    """Have all scans that withdrawn versions of a model have answered predicted again; returns how many there are.

    Raises NothingToPredict.
    """
    found = list(Withdrawal.objects.standing().filter(model_name=name))
    if not found:
        raise NothingToPredict(f"No version of {name} is withdrawn.")
    counts = {each.pk: answered_by(each).count() for each in found}
    if not any(counts.values()):
        versions = ", ".join(each.version for each in found)
        raise NothingToPredict(f"No scan's answer is of a withdrawn version of {name} ({versions}).")

    def write() -> None:
        for each in found:
            if not counts[each.pk]:
                continue
            before = Withdrawal.objects.get(pk=each.pk)
            Withdrawal.objects.filter(pk=each.pk).update(
                wanted_at=clock.now(), cursor="", repredicted=0, refused=0, repredicted_at=None
            )
            after = Withdrawal.objects.get(pk=each.pk)
            record(
                Action.VERSION_REPREDICT,
                acting(),
                "withdrawal",
                before=before,
                after=after,
                weights_sha256=each.weights_sha256,
            )

    for each in found:
        answered_by(each).filter(attempts__gt=0).update(attempts=0, next_attempt_at=clock.now())
    all_or_nothing(write)
    return sum(counts.values())


def predict_due() -> int:
    """Predict a batch of the scans that were asked for; returns how many were tried."""
    tried = 0
    for each in Withdrawal.objects.to_predict_again():
        tried += _predict(each)
    return tried


def _predict(withdrawal: Withdrawal) -> int:
    now = clock.now()
    until = now + CLAIM
    same = Withdrawal.objects.filter(pk=withdrawal.pk, claimed_until__lte=now)
    if not same.update(claimed_until=until):
        return 0
    own = Withdrawal.objects.filter(pk=withdrawal.pk, claimed_until=until)
    current = own.first()
    if current is None:
        return 0
    tried = 0
    try:
        tried = _batch(current, own)
    finally:
        own.update(claimed_until=clock.now())
    return tried


def _batch(withdrawal: Withdrawal, own: WithdrawalQuerySet) -> int:
    if not model_client(withdrawal.model_name).is_ready():
        return 0
    now, ends = clock.now(), time.monotonic() + BATCH_S
    left = list(left_to_predict_again(withdrawal).order_by("pk")[:LOOKED_AT])
    due = [scan for scan in left if scan.next_attempt_at <= now][:BATCH]
    waits = {scan.pk for scan in left if scan.next_attempt_at > now}
    became: Counter[_Became] = Counter()
    for scan in due:
        if time.monotonic() > ends:
            break
        became[found := _predict_one(scan)] += 1
        if found == _Became.LATER:
            waits.add(scan.pk)
            # Without another one that was answered it may be the model server that fails, at whatever it gets.
            if not became[_Became.DONE]:
                break
        elif found == _Became.NOT_TRIED:
            break
        elif not any(key < scan.pk for key in waits):
            withdrawal.cursor = str(scan.pk)
        elif scan.weights_sha256 == withdrawal.weights_sha256:  # done with, and the cursor can't tell
            Scan.objects.filter(pk=scan.pk).update(attempts=MOST_ATTEMPTS)
    own.update(
        cursor=withdrawal.cursor,
        repredicted=withdrawal.repredicted + became[_Became.DONE],
        refused=withdrawal.refused + became[_Became.REFUSED],
        repredicted_at=None if left else clock.now(),
    )
    return became.total()


def _predict_one(scan: Scan) -> _Became:
    request_id.begin(scan.request_id or "")
    try:
        prediction.predict_again(scan, deadline_s=prediction.BACKGROUND_DEADLINE_S)
    except ImageRefused as error:
        log.warning("Scan %s can't be predicted again: %s", scan.pk, error.code)
        return _Became.REFUSED
    except FileNotFoundError:
        return _Became.REFUSED
    except (NoRoom, OSError) as error:
        log.warning("Scan %s is predicted again later: %s", scan.pk, type(error).__name__)
        return _Became.NOT_TRIED
    except ModelUnavailable as error:
        log.warning("Scan %s is predicted again later: %s", scan.pk, error)
        return _put_off(scan)
    return _Became.DONE


def _put_off(scan: Scan) -> _Became:
    """Let a scan wait that the model server could not answer. While that is away, nothing is held against the scan."""
    if not prediction.is_ready(scan.modality):
        return _Became.NOT_TRIED
    pause = prediction.pause_after(scan.attempts)
    Scan.objects.filter(pk=scan.pk).update(attempts=F("attempts") + 1, next_attempt_at=clock.now() + pause)
    return _Became.LATER if scan.attempts + 1 < MOST_ATTEMPTS else _Became.REFUSED
