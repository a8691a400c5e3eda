"""What B-scans show of their volume, which follows from the one that leads it; `audit verify --objects` holds them to that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from webapp.audit.objects import check_of
from webapp.scans.models import Scan


@check_of("scan")
def readers(scans: Sequence[Scan]) -> Iterator[tuple[Scan, str]]:
    """B-scans of volumes that nothing or several lead, or that name other readers than the one that leads."""
    keys = {scan.volume_id for scan in scans if scan.volume_id}
    leading: dict[object, list[list[str]]] = {key: [] for key in keys}
    for volume, named in (
        Scan.objects.filter(volume__in=list(keys)).leading().values_list("volume_id", "readers")
    ):
        leading[volume].append(list(named))
    for scan in scans:
        if not scan.volume_id:
            continue
        if len(leading[scan.volume_id]) != 1:
            yield scan, f"{len(leading[scan.volume_id])} B-scans lead its volume"
        elif scan.follows and set(scan.volume_readers) != set(leading[scan.volume_id][0]):
            yield (
                scan,
                "the readers of its volume are not those who gave a verdict on the B-scan that leads it",
            )
