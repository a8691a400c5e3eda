"""Checks for `audit verify --objects`: do a scan's readings follow from its verdicts and adjudications?

These fields change without a record of the scan's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from webapp.audit.objects import check_of
from webapp.reviews.models import Adjudication, Review
from webapp.reviews.outcome import final_of
from webapp.scans.models import Scan

CHUNK = 500


@check_of("scan")
def readings(scans: Sequence[Scan]) -> Iterator[tuple[Scan, str]]:
    """Scans whose readers, settled label or final reading don't follow from their verdicts and adjudications."""
    keys = [scan.pk for scan in scans]
    reviews: dict[object, list[Review]] = defaultdict(list)
    for review in Review.objects.filter(scan__in=keys).order_by("pk").iterator(chunk_size=CHUNK):
        reviews[review.scan_id].append(review)
    settled = dict(
        Adjudication.objects.filter(scan__in=keys)
        .order_by("created", "pk")
        .values_list("scan_id", "label")
        .iterator(chunk_size=CHUNK)
    )
    for scan in scans:
        said = reviews[scan.pk]
        if set(scan.readers) != {str(review.reader_id) for review in said if review.current}:
            yield scan, "its readers are not those who gave a verdict"
        if scan.settled_label != settled.get(scan.pk, ""):
            yield scan, "the label that settles it is not that of its last adjudication"
        final = final_of(said, settled.get(scan.pk, ""))
        if (scan.final_reading or None) != (final.to_dict() if final else None):
            yield scan, "its final reading is not what its verdicts and adjudications come to"


@check_of("review")
def currents(reviews: Sequence[Review]) -> Iterator[tuple[Review, str]]:
    """Verdicts whose `current` is wrong: it is true for their reader's last one alone."""
    scans = {review.scan_id for review in reviews}
    newest: dict[tuple[object, object], object] = {}
    said = Review.objects.filter(scan__in=list(scans)).order_by("created", "current", "pk")
    for scan_id, reader_id, pk in said.values_list("scan_id", "reader_id", "pk").iterator(chunk_size=CHUNK):
        newest[scan_id, reader_id] = pk
    for review in reviews:
        is_last = newest.get((review.scan_id, review.reader_id)) == review.pk
        if review.current is not is_last:
            word = "counts as" if review.current else "doesn't count as"
            yield review, f"it {word} its reader's last verdict, and is {'' if is_last else 'not '}that"
