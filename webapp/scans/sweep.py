"""What a crash left half done, mended at the next start."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from webapp import clock
from webapp.accounts.tokens import forget_expired
from webapp.scans import prediction, storage
from webapp.scans.models import Prediction, Scan, Status

log = logging.getLogger(__name__)

# A file as young as this may belong to an upload that is about to write its document.
GRACE_S = 600.0
CHUNK = 1000


@dataclass(frozen=True)
class Swept:
    """How much there was to mend."""

    files_removed: int
    images_missing: int
    predictions_requeued: int

    def __str__(self) -> str:
        return (
            f"{self.files_removed} file(s) without a scan removed, {self.images_missing} scan(s) without their "
            f"image marked failed, {self.predictions_requeued} prediction(s) with lost files queued again"
        )


def sweep(grace_s: float = GRACE_S) -> Swept:
    """Bring files and documents back into step. Safe to run at any time, also beside a running app."""
    missing, requeued = _mend_documents()
    removed = _remove_orphans(grace_s)
    forget_expired()
    return Swept(removed, missing, requeued)


def _mend_documents() -> tuple[int, int]:
    missing = requeued = 0
    on_disk = {path.name for path in storage.all_files()}
    for scan in Scan.objects.exclude(status=Status.FAILED).iterator(chunk_size=CHUNK):
        if scan.image_name not in on_disk:
            # Asked again, because the listing is older than the document of an upload that is under way.
            if storage.path_of(scan.image_name).exists():
                continue
            gone = {"code": "image_missing", "message": "The stored image is gone. Upload it again."}
            Scan.objects.filter(pk=scan.pk).update(status=Status.FAILED, failure=gone)
            missing += 1
        elif _lost_its_pictures(scan) and not prediction.restore(scan):
            now = clock.now()
            Scan.objects.filter(pk=scan.pk).update(
                status=Status.QUEUED, next_attempt_at=now, claimed_until=now
            )
            requeued += 1
    return missing, requeued


def _lost_its_pictures(scan: Scan) -> bool:
    return scan.status == Status.PREDICTED and not all(
        storage.path_of(name).exists() for name in scan.file_names
    )


def _remove_orphans(grace_s: float) -> int:
    removed = 0
    limit = time.time() - grace_s
    old = [path for path in storage.all_files() if path.stat().st_mtime < limit]
    for start in range(0, len(old), CHUNK):
        chunk = old[start : start + CHUNK]
        names = [path.name for path in chunk]
        known: set[str] = set(Scan.objects.filter(image_name__in=names).values_list("image_name", flat=True))
        for field in ("overlay_name", "heatmap_name"):
            known |= set(Prediction.objects.filter(**{f"{field}__in": names}).values_list(field, flat=True))
        for path in chunk:
            if path.name not in known:
                path.unlink(missing_ok=True)
                removed += 1
    return removed
