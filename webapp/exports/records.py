"""The scans of an export, de-identified: no names, references, notes, comments, times or file hashes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from webapp.accounts.models import User
from webapp.accounts.pseudonyms import pseudonym
from webapp.annotations.models import Annotation, disclose_shapes
from webapp.reviews.models import Review
from webapp.reviews.reading import independence_of
from webapp.scans.disclosure import disclose
from webapp.scans.final import FinalReading, final_reading
from webapp.scans.labels import known_label
from webapp.scans.models import Scan


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
class Record:
    """A scan with the readings that the user may know. `name` and `patient` are pseudonyms; "" without a reference."""

    name: str
    patient: str
    scan: Scan
    verdicts: tuple[Verdict, ...]
    shapes: tuple[Shape, ...]
    final: FinalReading | None
    """None where nobody has named a label, or the user may not know it."""

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
    drawn = Annotation.objects.by_scan(scans, user)
    disclose(user, scans)
    disclose_shapes(user, chain.from_iterable(drawn.values()))
    said = _reviews(scans, user)
    return [
        _record(scan.as_shown_to(user), said[scan.pk], drawn[scan.pk], final_reading(scan, user))
        for scan in scans
    ]


def _record(
    scan: Scan, reviews: list[Review], annotations: list[Annotation], final: FinalReading | None
) -> Record:
    return Record(
        name=pseudonym("scan", scan.pk),
        # Two clinics may give the same reference to different people.
        patient=pseudonym("patient", f"{scan.clinic}/{scan.patient_ref}") if scan.patient_ref else "",
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
    )


def _reviews(scans: list[Scan], user: User) -> dict[object, list[Review]]:
    opened = {scan.pk: scan.is_open_to(user) for scan in scans}
    grouped: dict[object, list[Review]] = defaultdict(list)
    for review in Review.objects.filter(scan__in=list(opened), current=True).order_by("created"):
        if opened[review.scan_id] or review.reader_id == user.pk:
            grouped[review.scan_id].append(review)
    return grouped
