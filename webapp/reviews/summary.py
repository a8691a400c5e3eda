"""Who read a scan, how far they agree with each other, and with what the model looked at."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, combinations
from typing import Any

from bson import ObjectId

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.accounts.pseudonyms import shown_name
from webapp.annotations.areas import Lines
from webapp.annotations.geometry import Points, outline_of, polygon_of
from webapp.annotations.models import Annotation
from webapp.reviews.outcome import Pairs, independent_labels, pairs_of
from webapp.scans.disclosure import disclosed_to
from webapp.scans.models import Scan


def summary(scan: Scan, reader: User) -> dict[str, Any]:
    """What the reader may know of the readings of a scan, as ReadingSerializer shows it."""
    is_open = scan.is_open_to(reader)
    reviews = list(scan.reviews.select_related("reader"))
    current = [review for review in reviews if review.current]
    seen = [review for review in current if is_open or review.reader_id == reader.pk]
    settled = scan.adjudications.select_related("adjudicator").first() if is_open else None
    pairs = pairs_of(independent_labels(reviews).values()) if is_open else Pairs(0, 0)
    between, with_model = _overlaps(scan, reader) if is_open else ([], [])
    shown = disclosed_to(reader, scan)
    return {
        "open": is_open,
        "would_be_blind": not (shown.answer or shown.readings),
        "own": next((review for review in current if review.reader_id == reader.pk), None),
        "reviews": seen,
        "reader_count": len(current),
        "agreement": pairs.agreement,
        "agreeing_pairs": pairs.agreeing,
        "pairs": pairs.all,
        "dice": between,
        "heatmap": with_model,
        "adjudication": settled,
        "may_adjudicate": reader.may(Ability.ADJUDICATE),
    }


def _overlaps(scan: Scan, reader: User) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Dice coefficients of each two readers' areas, and of each reader's with the heat map's regions."""
    # By account: two people may have one name.
    outlines: dict[ObjectId, list[Points]] = defaultdict(list)
    names: dict[ObjectId, str] = {}
    for annotation in Annotation.objects.of_scan(scan, reader):
        if (outline := outline_of(annotation.selector)) is not None:
            outlines[annotation.author_id].append(outline)
            names[annotation.author_id] = shown_name(annotation.author, reader)
    looked_at = [
        polygon_of(region["polygon"])
        for region in scan.as_shown_to(reader).regions
        if len(region["polygon"]) > 2
    ]
    lines = Lines.through([*looked_at, *chain.from_iterable(outlines.values())])
    areas = {author: lines.union(outlines[author]) for author in sorted(outlines, key=names.__getitem__)}
    drawn = {author: area for author, area in areas.items() if lines.size(area)}
    between = [
        {"readers": [names[first], names[second]], "dice": lines.dice(drawn[first], drawn[second])}
        for first, second in combinations(drawn, 2)
    ]
    regions = lines.union(looked_at)
    if not lines.size(regions):
        return between, []
    with_model = [
        {"reader": names[author], "covered": lines.coverage(regions, area), "dice": lines.dice(area, regions)}
        for author, area in drawn.items()
    ]
    return between, with_model
