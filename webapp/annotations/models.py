"""One drawn shape on a scan, with its label and comment."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from bson import ObjectId
from django.conf import settings
from django.db import models

from webapp import clock
from webapp.scans.models import Scan

# The name of the one shape in a stored SVG.
SHAPE = re.compile(r"<svg[^>]*><([a-z]+) ")


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    """Queries over many scans at once; who may see an annotation is decided by its scan."""

    def by_scan(self, scans: Iterable[Scan]) -> dict[object, list[Annotation]]:
        """The annotations of several scans in one query, oldest first, by the scan's key."""
        grouped: dict[object, list[Annotation]] = defaultdict(list)
        for annotation in self.filter(scan__in=[scan.pk for scan in scans]).order_by("created"):
            grouped[annotation.scan_id].append(annotation)
        return grouped


class Annotation(models.Model):
    """A shape in pixels of the scan, kept as the selector of a W3C Web Annotation."""

    scan_id: ObjectId
    author_id: ObjectId
    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="annotations")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="annotations")
    selector = models.JSONField()
    label = models.CharField(max_length=80, blank=True)
    comment = models.CharField(max_length=2000, blank=True)
    created = models.DateTimeField(default=clock.now)
    modified = models.DateTimeField(default=clock.now)
    revision = models.PositiveIntegerField(default=1, help_text="Rises with every change.")

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ("created",)
        indexes = (models.Index(fields=["scan", "created"], name="of_scan"),)

    def __str__(self) -> str:
        return f"{self.shape} {self.label}".strip()

    @property
    def shape(self) -> str:
        """What kind of shape: box, polygon, ellipse, …"""
        if self.selector["type"] == "FragmentSelector":
            return "box"
        return "".join(SHAPE.findall(self.selector["value"]))
