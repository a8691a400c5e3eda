"""Data sets that somebody asked for on a page: the document says what is left to do, and the worker does it."""

from __future__ import annotations

import logging
from datetime import timedelta

from webapp.accounts.bounds import works_with
from webapp.accounts.models import User
from webapp.core import clock
from webapp.learning import exporting, summary
from webapp.learning.models import ExportRequest
from webapp.learning.rules import EXPECTED_ERRORS, ExportFailed, Rules
from webapp.learning.settled import gather

log = logging.getLogger(__name__)
CLAIM = timedelta(hours=1)
"""The longest that an export of MOST_SCANS takes; a worker that dies leaves it to another one afterwards."""
UNDER_WAY = "Another export is under way. Wait until it is done, then look at its data set."


def ask(rules: Rules, by: User) -> ExportRequest:
    """Have the worker make a data set for the user.

    Raises ExportRefused where there is nothing to learn from, and ExportFailed while another one is asked for or made.
    """
    gather(rules).check()
    if ExportRequest.objects.waiting() or exporting.is_under_way():
        raise ExportFailed(UNDER_WAY)
    return ExportRequest.objects.create(rules=rules.to_dict(), asked_by=by)


def make_what_is_asked_for() -> int:
    """Make the data set that waits, unless somebody is at it; returns how many were tried."""
    now = clock.now()
    waiting = ExportRequest.objects.waiting()
    # One atomic update, so that of two workers one has it.
    if waiting is None or not ExportRequest.objects.filter(
        pk=waiting.pk, done_at=None, claimed_until__lte=now
    ).update(claimed_until=now + CLAIM):
        return 0
    number = None
    try:
        made = exporting.export(Rules(**waiting.rules), waiting.asked_by)
        number, said = made.number, " ".join(summary.lines(made))
    except EXPECTED_ERRORS as error:
        said = str(error)
        log.warning("no data set was made: %s", said)
    ExportRequest.objects.filter(pk=waiting.pk).update(done_at=clock.now(), number=number, said=said)
    return 1


def is_under_way() -> bool:
    """Whether a data set is asked for or made now."""
    return ExportRequest.objects.waiting() is not None or exporting.is_under_way()


def last(user: User) -> ExportRequest | None:
    """The request that was done last, of a model of the user's modalities; None before the first."""
    done = ExportRequest.objects.exclude(done_at=None).order_by("-done_at")
    return next((each for each in done.iterator() if works_with(user, each.rules.get("model", ""))), None)
