"""Annotations in the admin, to be looked at or removed."""

from django.contrib import admin
from django.http import HttpRequest

from webapp.annotations.models import Annotation


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
        """Box or drawn shape."""
        return "box" if annotation.selector["type"] == "FragmentSelector" else "shape"
