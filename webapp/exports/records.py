"""The scans of an export, de-identified: no names, references, notes, comments, times or file hashes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from webapp.accounts.models import User
from webapp.accounts.pseudonyms import circle_of, patient_pseudonym, pseudonym
from webapp.annotations.models import Annotation, disclose_shapes
from webapp.reviews.models import Review
from webapp.reviews.reading import independence_of
from webapp.scans.disclosure import disclose
from webapp.scans.final import FinalReading, final_reading
from webapp.scans.labels import known_label
from webapp.scans.models import Scan

if TYPE_CHECKING:
    from webapp.annotations.measures import Drawn

AT_ONCE = 10_000
"""Ids in one query."""


@dataclass(frozen=True)
class Verdict:
    """What a reader said of a scan."""

    reader: str
    verdict: str
    label: str
    independence: str
    """What the reader knew, as `independence_of` says it."""

    def __str__(self) -> str:
        return " ".join(part for part in (self.reader, self.verdict, self.label, self.independence) if part)


@dataclass(frozen=True)
class Shape:
    """An annotation of a reader; its selector is in pixels of the scan."""

    name: str
    reader: str
    label: str
    selector: dict[str, str]


@dataclass(frozen=True)
class Measured:
    """How much a reader drew with a label on a scan, in mm², and over its volume, in mm³; None where it is not known."""

    reader: str
    label: str
    square_mm: float | None
    cubic_mm: float | None


@dataclass(frozen=True)
class Record:
    """A scan with the readings that the user may know. `name` and `patient` are pseudonyms (`patient_pseudonym`)."""

    name: str
    patient: str
    scan: Scan
    verdicts: tuple[Verdict, ...]
    shapes: tuple[Shape, ...]
    final: FinalReading | None
    """None where nobody has named a label, or the user may not know it."""
    volume: str = ""
    """A pseudonym; "" for a scan by itself."""
    measured: tuple[Measured, ...] = ()

    @property
    def verified_label(self) -> str:
        """The label of the final reading where it is verified, else ""."""
        return self.final.label if self.final and self.final.verified else ""

    @property
    def verified_by(self) -> str:
        """Who has verified the label: "adjudicator", "readers" or ""."""
        return self.final.by.value if self.final and self.final.verified else ""

    @property
    def file_name(self) -> str:
        """The name of the scan's picture in an export."""
        return f"{self.name}.png"


def records(scans: Iterable[Scan], user: User) -> list[Record]:
    """The records of the scans, in their order, with the answers, verdicts and shapes that the user may know.

    Notes all of it as shown to the user.
    """
    scans = list(scans)
    beside = _drawn_on_beside(scans)
    drawn = Annotation.objects.by_scan([*scans, *beside], user)
    disclose(user, scans)
    disclose_shapes(user, chain.from_iterable(drawn.values()))
    said = _reviews(scans, user)
    measured = _measured([*scans, *beside], drawn, user)
    return [
        _record(
            scan.as_shown_to(user),
            said[scan.pk],
            drawn[scan.pk],
            final_reading(scan, user),
            measured[scan.volume_id or scan.pk],
        )
        for scan in scans
    ]


def _drawn_on_beside(scans: list[Scan]) -> list[Scan]:
    """The other B-scans of the same volumes on which somebody drew: they count for what was drawn over a volume."""
    volumes = {scan.volume_id for scan in scans if scan.volume_id}
    if not volumes:
        return []
    known = {scan.pk for scan in scans}
    # By what was drawn, which is little beside all B-scans.
    drawn_on = Annotation.objects.order_by().values_list("scan_id", flat=True).distinct()
    keys = [key for key in drawn_on if key not in known]
    return list(
        chain.from_iterable(
            Scan.objects.filter(pk__in=keys[at : at + AT_ONCE], volume__in=list(volumes))
            for at in range(0, len(keys), AT_ONCE)
        )
    )


def _measured(
    scans: list[Scan], shapes: dict[object, list[Annotation]], user: User
) -> dict[object, list[Drawn]]:
    """What was drawn on each volume, or scan by itself, by its key."""
    # Imported on demand: the geometry takes memory and time to load.
    from webapp.annotations.measures import drawn_on

    together: dict[object, list[Scan]] = defaultdict(list)
    for scan in scans:
        if shapes.get(scan.pk):
            together[scan.volume_id or scan.pk].append(scan)
    found: dict[object, list[Drawn]] = defaultdict(list)
    for key, of_one in together.items():
        in_order = sorted(of_one, key=lambda scan: scan.place)
        found[key] = drawn_on(in_order, shapes, of_one[0].volume, user, _known_label)
    return found


def _known_label(annotation: Annotation, _reader: User) -> str:
    """Earlier versions took free text as labels."""
    return known_label(annotation.label, annotation.scan) if annotation.label else ""


def _record(
    scan: Scan,
    reviews: list[Review],
    annotations: list[Annotation],
    final: FinalReading | None,
    measured: list[Drawn],
) -> Record:
    return Record(
        name=pseudonym("scan", scan.pk),
        patient=patient_pseudonym(circle_of(scan.clinic, scan.user_id), scan.patient_ref, scan.volume_id),
        scan=scan,
        verdicts=tuple(
            Verdict(
                pseudonym("reader", review.reader_id), review.verdict, review.label, independence_of(review)
            )
            for review in reviews
        ),
        shapes=tuple(
            Shape(
                pseudonym("shape", annotation.pk),
                pseudonym("reader", annotation.author_id),
                known_label(annotation.label, scan) if annotation.label else "",
                annotation.selector,
            )
            for annotation in annotations
        ),
        final=final,
        volume=pseudonym("volume", scan.volume_id) if scan.volume_id else "",
        measured=tuple(
            Measured(
                pseudonym("reader", each.author.pk),
                each.label,
                next((area.square_mm for area in each.bscans if area.scan.pk == scan.pk), None),
                each.cubic_mm,
            )
            for each in measured
        ),
    )


def _reviews(scans: list[Scan], user: User) -> dict[object, list[Review]]:
    opened = {scan.pk: scan.is_open_to(user) for scan in scans}
    grouped: dict[object, list[Review]] = defaultdict(list)
    for review in Review.objects.filter(scan__in=list(opened), current=True).order_by("created"):
        if opened[review.scan_id] or review.reader_id == user.pk:
            grouped[review.scan_id].append(review)
    return grouped
