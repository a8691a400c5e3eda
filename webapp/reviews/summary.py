"""Who read a scan, how far they agree with each other, and with what the model looked at."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import Any

from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.annotations.models import Annotation
from webapp.reviews.reading import agreement
from webapp.scans.models import Scan


def summary(scan: Scan, reader: User) -> dict[str, Any]:
    """What the reader may know of the readings of a scan, as ReadingSerializer shows it."""
    is_open = scan.is_open_to(reader)
    current = list(scan.reviews.filter(current=True).select_related("reader"))
    seen = [review for review in current if is_open or review.reader_id == reader.pk]
    settled = scan.adjudications.select_related("adjudicator").first() if is_open else None
    between, with_model = _overlaps(scan, reader) if is_open else ([], [])
    return {
        "open": is_open,
        "own": next((review for review in current if review.reader_id == reader.pk), None),
        "reviews": seen,
        "reader_count": len(current),
        "agreement": agreement(review.label for review in current) if is_open else None,
        "dice": between,
        "heatmap": with_model,
        "adjudication": settled,
        "may_adjudicate": reader.may_adjudicate,
    }


def _overlaps(scan: Scan, reader: User) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Dice coefficients of each two readers' areas, and of each reader's with the heat map's regions."""
    # Loaded when there is something to compare: it is not small.
    from webapp.annotations import geometry

    selectors: dict[str, list[dict[str, str]]] = defaultdict(list)
    for annotation in Annotation.objects.of_scan(scan, reader):
        selectors[shown_name(annotation.author, reader)].append(annotation.selector)
    areas = {name: geometry.union(drawn) for name, drawn in selectors.items()}
    drawn = {name: area for name, area in areas.items() if area is not None}
    between = [
        {"readers": [first, second], "dice": geometry.dice(drawn[first], drawn[second])}
        for first, second in combinations(sorted(drawn), 2)
    ]
    regions = geometry.union_of_polygons([region["polygon"] for region in scan.regions])
    if regions is None:
        return between, []
    with_model = [
        {
            "reader": name,
            "covered": geometry.coverage(regions, area),
            "dice": geometry.dice(area, regions),
        }
        for name, area in sorted(drawn.items())
    ]
    return between, with_model
