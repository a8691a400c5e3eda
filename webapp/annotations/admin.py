"""Annotations in the admin, to be looked at or removed."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from webapp.annotations.drawing import drawing
from webapp.annotations.models import Annotation
from webapp.audit.models import Action
from webapp.audit.recording import acting, record
from webapp.mongodb.admin import TransactionalAdmin
from webapp.mongodb.transactions import all_or_nothing
from webapp.scans.admin_additions import add_inline, add_picture
from webapp.scans.disclosing_admin import DisclosingAdmin
from webapp.scans.models import Scan
from webapp.scans.thumbnail import scan_link


class AnnotationInline(admin.TabularInline[Annotation, Scan]):
    """The annotations of a scan, on its page."""

    model = Annotation
    extra = 0
    can_delete = False
    show_change_link = True
    fields = readonly_fields = ("created", "author", "label", "comment")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Annotation]:
        """The annotations with their authors, in one query."""
        return super().get_queryset(request).select_related("author")

    def has_add_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """They are drawn on scans."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """Editing here would put words into the author's mouth."""
        return False


@admin.register(Annotation)
class AnnotationAdmin(DisclosingAdmin[Annotation], TransactionalAdmin[Annotation]):
    """What people drew; shapes are drawn on the scan and not edited as text."""

    list_display = ("picture", "label", "shape", "comment", "author", "created")
    list_display_links = ("label", "shape", "created")
    list_filter = ("label", "created")
    search_fields = ("comment", "label", "author__username")
    list_select_related = ("author", "scan")
    date_hierarchy = "created"
    fields = ("drawn", "scan", "author", "label", "comment", "created", "modified", "revision")
    readonly_fields = ("drawn",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are drawn on scans."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Annotation | None = None) -> bool:
        """Editing here would put words into the author's mouth."""
        return False

    def delete_model(self, request: HttpRequest, obj: Annotation) -> None:
        """Delete the annotation, with its audit record."""

        def write() -> None:
            record(Action.ANNOTATION_DELETE, acting(), "annotation", scan_id=obj.scan_id, before=obj)
            Annotation.objects.filter(pk=obj.pk).delete()

        all_or_nothing(write)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Annotation]) -> None:
        """Delete the annotations one by one, each with its audit record."""
        for annotation in queryset:
            self.delete_model(request, annotation)

    @admin.display(description="Scan")
    def picture(self, annotation: Annotation) -> SafeString:
        """The scan, small, leading to its page."""
        return scan_link(annotation.scan_id)

    @admin.display(description="Drawing")
    def drawn(self, annotation: Annotation) -> SafeString:
        """The shape over its scan."""
        return drawing(annotation.scan, [annotation])


def drawn_on(scan: Scan) -> tuple[SafeString, str] | None:
    """The scan with what people drew on it, and a caption; None where nobody drew."""
    drawn = list(scan.annotations.all())
    return (drawing(scan, drawn), "What people drew") if drawn else None


add_inline(AnnotationInline)
add_picture(drawn_on)
