"""Predicts again what withdrawn versions have answered: asked for by a person, done by the worker, a few at a time.

The withdrawal's document says how far it is. A worker that dies leaves it where it was.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from webapp.audit.models import Action
from webapp.audit.recording import acting, record
from webapp.core import clock, request_id
from webapp.inference.model_server import ImageRefused, ModelUnavailable, model_client
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans import prediction
from webapp.scans.room import NoRoom
from webapp.scans.withdrawn import answered_by, left_to_predict_again
from webapp.versions.models import Withdrawal, WithdrawalQuerySet

log = logging.getLogger(__name__)

BATCH = 20
CLAIM = timedelta(minutes=5)
"""Longer than a batch takes."""


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
    scans = list(left_to_predict_again(withdrawal).order_by("pk")[:BATCH])
    done = refused = 0
    for scan in scans:
        request_id.begin(scan.request_id or "")
        try:
            prediction.predict_again(scan)
            done += 1
        except (ModelUnavailable, NoRoom, OSError) as error:
            if not isinstance(error, FileNotFoundError):
                log.warning("Scan %s is predicted again later: %s", scan.pk, type(error).__name__)
                break
            refused += 1
        except ImageRefused as error:
            log.warning("Scan %s can't be predicted again: %s", scan.pk, error.code)
            refused += 1
        withdrawal.cursor = str(scan.pk)
    own.update(
        cursor=withdrawal.cursor,
        repredicted=withdrawal.repredicted + done,
        refused=withdrawal.refused + refused,
        repredicted_at=None if scans else clock.now(),
    )
    return len(scans)
