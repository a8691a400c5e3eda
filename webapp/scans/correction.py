"""Changing what people said of a scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans.models import Scan


def correct(scan: Scan, user: User, values: Mapping[str, Any]) -> Scan:
    """Change fields of the scan for the user; the scan as it is then. Raises Scan.DoesNotExist if it was deleted."""

    def write() -> Scan:
        before = Scan.objects.get(pk=scan.pk)
        Scan.objects.filter(pk=scan.pk).update(**values)
        after = Scan.objects.get(pk=scan.pk)
        record(Action.SCAN_CHANGE, user, "scan", scan_id=scan.pk, before=before, after=after)
        return after

    return all_or_nothing(write)
