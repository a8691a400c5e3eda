"""Changing what people said of a scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from webapp.accounts.models import User
from webapp.audit.models import Action, Record, WaitingRecord
from webapp.audit.recording import Change, record_each
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans.models import Scan
from webapp.scans.outcomes import Outcome, tell


def correct(scan: Scan, user: User, values: Mapping[str, Any]) -> Scan:
    """Change fields of the scan for the user; the scan as it is then. Raises Scan.DoesNotExist if it was deleted.

    What is said of a B-scan is said of its volume, and so changed in all of it.
    """

    def write() -> Scan:
        together = scan.together()
        before = {each.pk: each for each in together}
        together.update(**values)
        after = {each.pk: each for each in together.all()}
        if scan.pk not in after:
            raise Scan.DoesNotExist
        changes = [Change(key, before[key], after[key]) for key in after]
        record_each(Action.SCAN_CHANGE, user, "scan", changes)
        tell(Outcome.CORRECTED, [scan.pk])
        return after[scan.pk]

    return all_or_nothing(write)


def was_corrected(scans: Iterable[Scan]) -> bool:
    """Whether somebody has changed what is said of one of the scans, as the audit tells."""
    keys = [str(scan.pk) for scan in scans]
    changes = {"action": Action.SCAN_CHANGE, "kind": "scan", "object_id__in": keys}
    return any(model._default_manager.filter(**changes).exists() for model in (WaitingRecord, Record))
