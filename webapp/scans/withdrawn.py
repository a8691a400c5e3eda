"""The scans that versions have answered which were withdrawn since."""

from __future__ import annotations

from bson import ObjectId

from webapp.scans.models import MOST_ATTEMPTS, Scan, ScanQuerySet
from webapp.versions.models import Withdrawal


def answered_by(withdrawal: Withdrawal) -> ScanQuerySet:
    """The scans whose newest answer is of a withdrawn version."""
    return Scan.objects.filter(model_name=withdrawal.model_name, weights_sha256=withdrawal.weights_sha256)


def left_to_predict_again(withdrawal: Withdrawal) -> ScanQuerySet:
    """Those of them whose turn has not come yet, and those that the model server could not answer and that wait for another.

    What is done with beyond the withdrawal's cursor has as many attempts as there may be.
    """
    scans = answered_by(withdrawal).filter(attempts__lt=MOST_ATTEMPTS)
    return scans.filter(pk__gt=ObjectId(withdrawal.cursor)) if withdrawal.cursor else scans
