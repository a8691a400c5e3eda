"""Annotations in the admin, to be looked at or removed."""

import re

from django.contrib import admin
from django.http import HttpRequest

from webapp.annotations.models import Annotation
from webapp.scans.models import Scan

# The one shape element in a stored SVG.
SHAPE = re.compile(r"><([a-z]+) ")


class AnnotationInline(admin.TabularInline[Annotation, Scan]):
    """What was drawn on a scan, on its page."""

    model = Annotation
    extra = 0
    can_delete = False
    show_change_link = True
    fields = readonly_fields = ("created", "author", "label", "comment", "shape")

    def has_add_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """They are drawn on scans."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """Editing here would put words into the author's mouth."""
        return False

    @admin.display(description="Shape")
    def shape(self, annotation: Annotation) -> str:
        """What kind of shape."""
        return shape_of(annotation)


@admin.register(Annotation)
class AnnotationAdmin(admin.ModelAdmin[Annotation]):
    """What people drew; shapes are drawn on the scan and not edited as text."""

    list_display = ("created", "author", "label", "comment", "shape", "scan", "revision")
    list_filter = ("label", "created")
    search_fields = ("comment", "label", "author__username")
    list_select_related = ("author", "scan")
    date_hierarchy = "created"
    fields = ("scan", "author", "label", "comment", "selector", "created", "modified", "revision")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are drawn on scans."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Annotation | None = None) -> bool:
        """Editing here would put words into the author's mouth."""
        return False

    @admin.display(description="Shape")
    def shape(self, annotation: Annotation) -> str:
        """What kind of shape."""
        return shape_of(annotation)


def shape_of(annotation: Annotation) -> str:
    """Box, polygon, ellipse, …: the name of what was drawn."""
    selector = annotation.selector
    if selector["type"] == "FragmentSelector":
        return "box"
    return "".join(SHAPE.findall(selector["value"])) or "shape"
