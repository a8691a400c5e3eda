"""Removing a scan with everything that belongs to it."""

from __future__ import annotations

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import Change, record, record_each
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans import storage
from webapp.scans.answered import ADDED_PICTURES
from webapp.scans.models import Prediction, Scan
from webapp.volumes.models import Volume


def delete_scan(scan: Scan, user: User) -> None:
    """Delete the scan's documents for the user, then its files: a crash between the two leaves files, which the sweep removes.

    A B-scan goes with its whole volume.
    """
    together = scan.together()
    volume = Volume.objects.filter(pk=scan.volume_id).first() if scan.volume_id else None
    names = {volume.enface_name} if volume else set()
    for kept in together.values_list("image_name", "deep_name"):
        names.update(kept)
    predictions = Prediction.objects.filter(scan__in=list(together.values_list("pk", flat=True)))
    for named in predictions.values_list("overlay_name", *ADDED_PICTURES):
        names.update(named)

    def write() -> None:
        before = list(together.all())
        if before:
            # By a query: an instance would forget its key in a try that then starts anew.
            Scan.objects.filter(pk__in=[each.pk for each in before]).delete()
            record_each(Action.SCAN_DELETE, user, "scan", [Change(each.pk, each) for each in before])
        if volume and Volume.objects.filter(pk=volume.pk).delete()[0]:
            record(Action.SCAN_DELETE, user, "volume", object_id=volume.pk, scan_id=scan.pk, before=volume)

    all_or_nothing(write)
    storage.delete(*names)
