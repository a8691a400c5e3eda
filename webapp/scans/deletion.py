"""Removing a scan with everything that belongs to it."""

from __future__ import annotations

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans import storage
from webapp.scans.answered import ADDED_PICTURES
from webapp.scans.models import Scan


def delete_scan(scan: Scan, user: User) -> None:
    """Delete the scan's documents for the user, then its files: a crash between the two leaves files, which the sweep removes."""
    names = {scan.image_name}
    for named in scan.predictions.values_list("overlay_name", *ADDED_PICTURES):
        names.update(named)

    def write() -> None:
        before = Scan.objects.filter(pk=scan.pk).first()
        if before:
            # By a query: an instance would forget its key in a try that then starts anew.
            Scan.objects.filter(pk=scan.pk).delete()
            record(Action.SCAN_DELETE, user, "scan", scan_id=scan.pk, before=before)

    all_or_nothing(write)
    storage.delete(*names)
