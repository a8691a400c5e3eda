"""Scans in the administration: viewed, filtered and deleted; the model's answers can't be edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import IntegrityError
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from webapp.accounts.admin_additions import add_fact
from webapp.accounts.models import User
from webapp.mongodb.admin import TransactionalAdmin
from webapp.scans import room, thumbnail
from webapp.scans.admin_additions import Inline, added_inlines, added_pictures
from webapp.scans.answer_admin import PredictionInline, ReadingsAndAnswer
from webapp.scans.correction import correct
from webapp.scans.deletion import delete_scan
from webapp.scans.details import DETAILS
from webapp.scans.disclosing_admin import DisclosingAdmin
from webapp.scans.models import Scan
from webapp.scans.serializers import overlay_path


class UploadsFilter(admin.SimpleListFilter):
    """Of volumes the B-scans alone that lead them, as in every list of the page."""

    title = "B-scans of volumes"
    parameter_name = "bscans"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What can be chosen beside all."""
        return [("lead", "Those that lead")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Scan]) -> QuerySet[Scan]:
        """Narrowed as it was asked for."""
        return queryset.filter(follows__is_missing=True) if self.value() == "lead" else queryset


@admin.register(Scan)
class ScanAdmin(ReadingsAndAnswer, DisclosingAdmin[Scan], TransactionalAdmin[Scan]):
    """Every scan, newest first, all B-scans of volumes among them."""

    list_display = (
        "picture",
        "final_label",
        "prediction",
        "urgency",
        "progress",
        "reviewed",
        "eye",
        "user",
        "timestamp",
    )
    list_display_links = ("picture", "prediction", "timestamp")
    list_filter = (
        UploadsFilter,
        "modality",
        "status",
        "state",
        "label",
        "model_version",
        "reviewed",
        "eye",
        "clinic",
    )
    list_select_related = ()  # see get_queryset
    list_per_page = 50
    search_fields = ("patient_ref", "sha256", "label", "note", "user__username")
    date_hierarchy = "timestamp"
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("pictures", "status", "failure", "reviewed")}),
        ("Final reading", {"fields": ("final", "urgency", "action", "reasons", "sources")}),
        (
            "Prediction",
            {
                "fields": (
                    "prediction",
                    "why",
                    "likeness",
                    "likest",
                    "bars",
                    "sees",
                    "caveat_texts",
                    "quality_reasons",
                    "read_by",
                    "calibration",
                    "predicted_at",
                )
            },
        ),
        (
            "Recommendation from the model's answer alone",
            {"fields": ("model_urgency", "model_action", "model_reasons", "model_sources")},
        ),
        ("Patient", {"fields": (*(detail.name for detail in DETAILS if detail.line), "device")}),
        (
            "Record",
            {
                "fields": (
                    "modality",
                    "fields",
                    "user",
                    "received_from",
                    "received_at",
                    "clinic",
                    "timestamp",
                    "size",
                    "in_volume",
                    "sha256",
                    "weights_sha256",
                )
            },
        ),
    )
    inlines = (PredictionInline,)
    editable = tuple(detail.name for detail in DETAILS if detail.edited_by_administrators)
    actions = ("give_to_present_clinic",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Scan]:
        """The scans, with their users in a second query: MongoDB would join the users of all scans before it sorts."""
        return super().get_queryset(request).prefetch_related("user")

    def get_inlines(self, request: HttpRequest, obj: Scan | None) -> list[Inline]:
        """The documents of other apps, then the predictions."""
        return [*added_inlines(), *super().get_inlines(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Scan | None = None) -> list[str]:
        """All fields but those that administrators may edit."""
        names = [name for _, options in self.fieldsets for name in options["fields"]]
        return [str(name) for name in names if name not in self.editable]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Scans come in through the API, which checks and predicts them."""
        return False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with the scans. Verdicts can't be deleted alone, yet go with their scan."""
        objects, counts, _forbidden, protected = super().get_deleted_objects(objs, request)
        return objects, counts, set(), protected

    def save_model(self, request: HttpRequest, obj: Scan, form: ModelForm[Scan], change: bool) -> None:
        """Save the changed fields alone: the worker may be changing others."""
        if form.changed_data:
            correct(obj, _user(request), {name: getattr(obj, name) for name in form.changed_data})

    def has_delete_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """A B-scan goes with its volume, which the page that confirms would not say: the API deletes that as such."""
        return super().has_delete_permission(request, obj) and not (obj and obj.volume_id)

    def delete_model(self, request: HttpRequest, obj: Scan) -> None:
        """Delete the scan with its files."""
        delete_scan(obj, _user(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        """Delete the scans with their files, one by one, but not of volumes."""
        kept = 0
        for scan in queryset:
            if scan.volume_id:
                kept += 1
            else:
                delete_scan(scan, _user(request))
        if kept:
            said = f"{kept} B-scan(s) of volumes stay: a volume is deleted as a whole, on the page or over the API."
            self.message_user(request, said, messages.WARNING)

    @admin.action(description="Give to the clinic that the uploader belongs to today")
    def give_to_present_clinic(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        """Move scans whose clinic was renamed, or whose uploader's clinic was wrong: they don't move by themselves."""
        moved = twice = 0
        for scan in queryset:
            if scan.user is None or scan.clinic == scan.user.clinic:
                continue
            try:
                correct(scan, _user(request), {"clinic": scan.user.clinic})
                moved += 1
            except IntegrityError:  # the same file was uploaded there, too
                twice += 1
        self.message_user(request, f"{moved} scan(s) given to their uploader's clinic.")
        if twice:
            reason = f"{twice} scan(s) stay: the same file by the same user is there already."
            self.message_user(request, reason, messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        """The usual addresses, and that of thumbnails."""
        own = path(
            "<str:scan_id>/thumbnail/", self.admin_site.admin_view(self.thumbnail), name="scan-thumbnail"
        )
        return [own, *super().get_urls()]

    def thumbnail(self, request: HttpRequest, scan_id: str) -> HttpResponse:
        """A small picture of the scan; its file never changes, so browsers keep it."""
        scan = self.get_object(request, scan_id)
        if scan is None or not self.has_view_permission(request, scan):
            raise Http404
        try:
            content = thumbnail.jpeg(scan.image_name)
        except (FileNotFoundError, ValueError) as error:
            raise Http404 from error
        except room.NoRoom as error:
            return HttpResponse(
                str(error.detail), "text/plain", error.status_code, headers={"Retry-After": str(error.wait)}
            )
        return HttpResponse(content, "image/jpeg", headers={"Cache-Control": "private, max-age=86400"})

    @admin.display(description="Scan")
    def picture(self, scan: Scan) -> SafeString:
        """The thumbnail, with a link to the scan's page."""
        return thumbnail.tag(scan.pk)

    @admin.display(description="Status", ordering="status")
    def progress(self, scan: Scan) -> str:
        """The status without its explanation."""
        return scan.status

    @admin.display(description="Pictures")
    def pictures(self, scan: Scan) -> SafeString:
        """The scan, with its heat map once it is predicted, and with what was drawn on it."""
        figures = [(_link("scan-image", scan), "The scan")]
        if overlay_path(scan):
            spoke = "What spoke for" if scan.answer.is_given else "What would have spoken for"
            figures.append((_link("scan-overlay", scan), f"{spoke} {scan.gradcam_label} (Grad-CAM)"))
        figures += added_pictures(scan)
        inside = format_html_join("", "<figure>{}<figcaption>{}</figcaption></figure>", figures)
        return format_html('<div class="pictures">{}</div>', inside)

    @admin.display(description="B-scan", empty_value="of no volume")
    def in_volume(self, scan: Scan) -> str | None:
        """Its place in its volume, and which that is."""
        if scan.volume is None:
            return None
        return f"{scan.place + 1} of {scan.volume.count} of the volume {scan.volume.pk}"

    @admin.display(description="Size")
    def size(self, scan: Scan) -> str:
        """In pixels."""
        return f"{scan.width} × {scan.height} pixels"


@admin.display(description="Uploaded")
def uploads(user: User) -> SafeString | str:
    """The number of the user's scans in each clinic; those of a former clinic stay there."""
    listed = reverse("admin:scans_scan_changelist")
    found = (
        user.scans.filter(follows__is_missing=True)
        .order_by("clinic")
        .values("clinic")
        .annotate(count=Count("pk"))
    )
    rows = (
        (
            listed,
            urlencode({"user": user.pk, "clinic": entry["clinic"]}),
            entry["count"],
            entry["clinic"] or "without a clinic",
        )
        for entry in found
    )
    return format_html_join("", '<div><a href="{}?{}">{}</a> {}</div>', rows) or "nothing"


add_fact("Scans", uploads)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _link(name: str, scan: Scan) -> SafeString:
    return format_html('<a href="{0}"><img src="{0}" alt=""></a>', reverse(name, args=[scan.pk]))
