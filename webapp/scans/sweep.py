"""Repairs, at each start and once a day, what a crash left half done."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.accounts.sessions import SessionStore
from webapp.accounts.tokens import forget_expired
from webapp.core import clock
from webapp.scans import prediction, storage, stored_answers
from webapp.scans.answered import ADDED_PICTURES
from webapp.scans.models import Prediction, Scan, Status
from webapp.volumes.models import Volume

GRACE_S = 600.0
"""A file younger than this may belong to an upload that is about to write its document."""
CHUNK = 1000


@dataclass(frozen=True)
class Swept:
    """What a sweep has repaired, in numbers."""

    files_removed: int
    images_missing: int
    predictions_requeued: int

    def __str__(self) -> str:
        return (
            f"{self.files_removed} file(s) without a scan removed, {self.images_missing} scan(s) without their "
            f"image marked failed, {self.predictions_requeued} prediction(s) with lost files queued again"
        )


def sweep(grace_s: float = GRACE_S) -> Swept:
    """Bring files and documents back into step, and forget expired sign-ins. Safe to run beside a running web app."""
    missing, requeued = _mend_documents()
    removed = _remove_orphans(grace_s)
    forget_expired()
    SessionStore.clear_expired()
    return Swept(removed, missing, requeued)


def _mend_documents() -> tuple[int, int]:
    missing = requeued = 0
    on_disk = {path.name for path in storage.all_files()}
    fields = ("pk", "status", "image_name", *ADDED_PICTURES)
    for key, status, *names in (
        Scan.objects.exclude(status=Status.FAILED).order_by().values_list(*fields).iterator(chunk_size=CHUNK)
    ):
        # A picture that an answer lacks has no name; image and heat map always have one.
        wanted = [*names[:2], *filter(None, names[2:])] if status == Status.PREDICTED else names[:1]
        if on_disk.issuperset(wanted):
            continue
        # Load the scan and look again: an upload may have written it since the files were listed.
        scan = Scan.objects.filter(pk=key).first()
        if scan is None:
            continue
        if not storage.exists(scan.image_name):
            code, message = prediction.IMAGE_MISSING
            lost = Scan.objects.filter(pk=key, image_name=scan.image_name)
            missing += lost.update(status=Status.FAILED, failure={"code": code, "message": message})
        elif (
            scan.status == Status.PREDICTED
            and stored_answers.lacks_pictures(scan)
            and not stored_answers.restore(scan)
        ):
            now = clock.now()
            Scan.objects.filter(pk=key).update(
                status=Status.QUEUED, attempts=0, next_attempt_at=now, claimed_until=now
            )
            requeued += 1
    return missing, requeued


def _remove_orphans(grace_s: float) -> int:
    # List files first: what is written after this is too young anyway.
    old = storage.files_older_than(grace_s)
    named: set[str] = set(Scan.objects.order_by().values_list("image_name", flat=True))
    named |= set(Scan.objects.exclude(deep_name="").order_by().values_list("deep_name", flat=True))
    named |= set(Volume.objects.order_by().values_list("enface_name", flat=True))
    for field in ("overlay_name", *ADDED_PICTURES):
        named |= set(Prediction.objects.order_by().values_list(field, flat=True))
    named |= set(storage.names_elsewhere())
    orphans = [path for path in old if path.name not in named]
    for path in orphans:
        storage.remove_file(path)
    return len(orphans)
