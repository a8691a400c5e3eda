"""Annotations: shapes that people draw on a scan, each with a label and a comment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bson import ObjectId
from django.conf import settings
from django.db import models

from webapp.accounts.models import User
from webapp.annotations.shapes import Shape, shape_of
from webapp.audit.hashing import audited
from webapp.audit.viewing import OfScan
from webapp.core import clock
from webapp.core.normal_form import NormalCharField
from webapp.scans.disclosure import disclose_readings
from webapp.scans.models import Scan


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    """Who may see annotations: the author always, others once the scan is open to them and the author has read it.

    Until its author's verdict, on the scan or on its volume, an annotation is a draft, which nobody else sees, compares or
    exports.
    """

    def of_scan(self, scan: Scan, reader: User) -> AnnotationQuerySet:
        """The annotations that the reader may see on a scan that is visible to them, oldest first."""
        found = self.filter(scan=scan).select_related("author", "scan").order_by("created")
        authors = [reader.pk, *(map(ObjectId, scan.all_readers) if scan.is_open_to(reader) else ())]
        return found.filter(author__in=authors)

    def by_scan(self, scans: Iterable[Scan], reader: User) -> dict[object, list[Annotation]]:
        """The annotations that the reader may see on each scan, by the scan's key, oldest first; in one query."""
        shown = {scan.pk: scan for scan in scans}
        grouped: dict[object, list[Annotation]] = defaultdict(list)
        for annotation in self.filter(scan__in=list(shown)).select_related("author").order_by("created"):
            annotation.scan = shown[annotation.scan_id]
            if annotation.is_shown_to(reader):
                grouped[annotation.scan_id].append(annotation)
        return grouped


@audited("annotation")
class Annotation(OfScan):
    """A shape in pixels of the scan, kept as the selector of a W3C Web Annotation."""

    scan_id: ObjectId
    author_id: ObjectId
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="annotations")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="annotations")
    selector = models.JSONField()
    label = NormalCharField(max_length=80, blank=True)
    comment = NormalCharField(max_length=2000, blank=True)
    created = models.DateTimeField(default=clock.now)
    modified = models.DateTimeField(default=clock.now)
    revision = models.PositiveIntegerField(default=1, help_text="Rises with every change.")

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ("created",)
        indexes = (models.Index(fields=["scan", "created"], name="of_scan"),)

    def __str__(self) -> str:
        return f"{self.shape} {self.label}".strip()

    def is_shown_to(self, reader: User) -> bool:
        """Whether the reader, who may see the scan, may see this annotation; the same rule as `of_scan`."""
        has_read = str(self.author_id) in self.scan.all_readers
        return self.author_id == reader.pk or (has_read and self.scan.is_open_to(reader))

    @property
    def shape(self) -> Shape:
        """The kind of its shape."""
        return shape_of(self.selector)


class Category(models.Model):
    """The number of a label in all COCO exports, assigned once and for good."""

    label = models.CharField(max_length=80, unique=True)
    number = models.PositiveIntegerField(unique=True)

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"{self.number} {self.label}"


MOST_MEASURED = 5_000
"""Shapes of a scan or volume whose areas are found at once: a hundred on each of 49 B-scans."""


def shapes_to_measure(scans: Sequence[Scan], reader: User) -> dict[object, list[Annotation]] | None:
    """The shapes that the reader may see on each scan, by its key, noted as shown.

    None where more than MOST_MEASURED were drawn, however many of them the reader may see.
    """
    keys = [scan.pk for scan in scans]
    if Annotation.objects.filter(scan__in=keys)[: MOST_MEASURED + 1].count() > MOST_MEASURED:
        return None
    shapes = Annotation.objects.by_scan(scans, reader)
    disclose_shapes(reader, (shape for of_scan in shapes.values() for shape in of_scan))
    return shapes


def disclose_shapes(reader: User, shapes: Iterable[Annotation]) -> None:
    """Note that those of the shapes that others drew are shown to the reader."""
    disclose_readings(reader, {shape.scan_id for shape in shapes if shape.author_id != reader.pk})
