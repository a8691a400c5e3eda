"""Scans in the admin: looked at, filtered, deleted; what the model said is never edited."""

from __future__ import annotations

from collections.abc import Mapping
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
from webapp.core import numbers
from webapp.mongodb.admin import TransactionalAdmin
from webapp.recommendations.doubt import with_doubts
from webapp.scans import room, thumbnail
from webapp.scans.admin_additions import Inline, added_inlines, added_pictures
from webapp.scans.correction import correct
from webapp.scans.deletion import delete_scan
from webapp.scans.details import DETAILS
from webapp.scans.disclosing_admin import DisclosingAdmin
from webapp.scans.final import FinalReading
from webapp.scans.models import Prediction, Scan
from webapp.scans.serializers import overlay_path

NOTHING = "–"


class PredictionInline(admin.TabularInline[Prediction, Scan]):
    """Everything that was ever predicted of a scan."""

    model = Prediction
    extra = 0
    can_delete = False
    fields = readonly_fields = (
        "predicted_at",
        "said",
        "probability",
        "why",
        "heat_map_of",
        "model_name",
        "model_version",
    )

    def has_add_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """They come from the model server."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """They are a record."""
        return False

    @admin.display(description="The model said")
    def said(self, prediction: Prediction) -> str:
        """As far as it did."""
        return prediction.answer.text

    @admin.display(description="Probability")
    def probability(self, prediction: Prediction) -> str:
        """Of the label, where the model has said one."""
        share = numbers.probability(prediction.confidence or 0, decimals=1)
        return with_doubts(share if prediction.answer.names_label else NOTHING, prediction.quality)

    @admin.display(description="Why")
    def why(self, prediction: Prediction) -> str:
        """Why it says so much and no more."""
        return prediction.answer.why or NOTHING

    @admin.display(description="Heat map of")
    def heat_map_of(self, prediction: Prediction) -> str:
        """The label that the heat map explains."""
        return prediction.gradcam_label


@admin.register(Scan)
class ScanAdmin(DisclosingAdmin[Scan], TransactionalAdmin[Scan]):
    """Every scan, newest first."""

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
    list_filter = ("status", "state", "label", "model_version", "reviewed", "eye", "clinic")
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
        ("Record", {"fields": ("user", "clinic", "timestamp", "size", "sha256", "weights_sha256")}),
    )
    inlines = (PredictionInline,)
    editable = tuple(detail.name for detail in DETAILS if detail.edited_by_administrators)
    actions = ("give_to_present_clinic",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Scan]:
        """With the users of the page in a second query: MongoDB would join those of all scans before it sorts."""
        return super().get_queryset(request).prefetch_related("user")

    def get_inlines(self, request: HttpRequest, obj: Scan | None) -> list[Inline]:
        """What other apps keep of the scan, then its predictions."""
        return [*added_inlines(), *super().get_inlines(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Scan | None = None) -> list[str]:
        """All but what people wrote themselves."""
        names = [name for _, options in self.fieldsets for name in options["fields"]]
        return [str(name) for name in names if name not in self.editable]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Scans come in through the API, which checks and predicts them."""
        return False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Verdicts can't be deleted alone, yet they go with their scan: that they belong to it is no obstacle."""
        objects, counts, _forbidden, protected = super().get_deleted_objects(objs, request)
        return objects, counts, set(), protected

    def save_model(self, request: HttpRequest, obj: Scan, form: ModelForm[Scan], change: bool) -> None:
        """Only what people wrote: the model server may be at the rest."""
        if form.changed_data:
            correct(obj, _user(request), {name: getattr(obj, name) for name in form.changed_data})

    def delete_model(self, request: HttpRequest, obj: Scan) -> None:
        """Files too."""
        delete_scan(obj, _user(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        """Files too."""
        for scan in queryset:
            delete_scan(scan, _user(request))

    @admin.action(description="Give to the clinic that the uploader belongs to today")
    def give_to_present_clinic(self, request: HttpRequest, queryset: QuerySet[Scan]) -> None:
        """For a clinic that has another name now, or a user whose clinic was wrong: scans don't move by themselves."""
        given = twice = 0
        for scan in queryset:
            if scan.clinic == scan.user.clinic:
                continue
            try:
                correct(scan, _user(request), {"clinic": scan.user.clinic})
                given += 1
            except IntegrityError:  # the same file was uploaded there, too
                twice += 1
        self.message_user(request, f"{given} scan(s) given to their uploader's clinic.")
        if twice:
            said = f"{twice} scan(s) stay: the same file by the same user is there already."
            self.message_user(request, said, messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        """The thumbnails' address beside the usual ones."""
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
        """A thumbnail."""
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

    @admin.display(description="Final reading")
    def final_label(self, scan: Scan) -> str:
        """What leads where people have read the scan, and how far it is settled."""
        if not scan.final_reading:
            return NOTHING
        final = FinalReading.stored(scan.final_reading)
        return f"{' or '.join(final.labels)}, {final.state}"

    @admin.display(description="Final reading")
    def final(self, scan: Scan) -> str:
        """What leads where people have read the scan, and who says so."""
        if not scan.final_reading:
            return NOTHING
        final = FinalReading.stored(scan.final_reading)
        return f"{' or '.join(final.labels)}, {final.source}"

    @admin.display(description="Prediction", ordering="label")
    def prediction(self, scan: Scan) -> str:
        """What the model says, as far as it does; where it is one label, with its probability."""
        if not scan.label:
            return NOTHING
        answer = scan.answer
        share = f" {numbers.probability(scan.confidence or 0)}" if answer.names_label else ""
        return with_doubts(f"{answer.text}{share}", scan.quality)

    @admin.display(description="Why")
    def why(self, scan: Scan) -> str:
        """Why the model says so much and no more."""
        return scan.answer.why or NOTHING

    @admin.display(description="Familiarity")
    def likeness(self, scan: Scan) -> str:
        """How many of the scans that the model learnt from are stranger."""
        if scan.familiarity is None:
            return NOTHING
        known = "known" if scan.known else "not known"
        return f"{numbers.percent(scan.familiarity)} of the scans that it learnt from are stranger: {known}"

    @admin.display(description="Most like")
    def likest(self, scan: Scan) -> str:
        """Simulated scans, in words."""
        return "; ".join(scan.nearest or []) or NOTHING

    @admin.display(description="Probabilities")
    def bars(self, scan: Scan) -> SafeString | str:
        """All labels, most probable first."""
        # Where the model has not answered they would look like an answer.
        shares = scan.probabilities if scan.answer.is_given else {}
        rows = sorted(shares.items(), key=lambda row: -row[1])
        bar = '<span>{0}</span><meter min="0" max="1" value="{1}"></meter><span>{2}</span>'
        bars = format_html_join(
            "", bar, [(label, value, numbers.probability(value, decimals=1)) for label, value in rows]
        )
        return format_html('<div class="bars">{}</div>', bars) if rows else NOTHING

    @admin.display(description="Caveats")
    def caveat_texts(self, scan: Scan) -> str:
        """What the model's card says of the predicted labels."""
        return "; ".join(scan.caveats or []) or NOTHING

    @admin.display(description="Image quality")
    def quality_reasons(self, scan: Scan) -> str:
        """What the model server said of the image."""
        if not scan.quality:
            return NOTHING
        return " ".join(scan.doubts) or "acceptable"

    @admin.display(description="Model", ordering="model_version")
    def read_by(self, scan: Scan) -> str:
        """Name and version."""
        return f"{scan.model_name} {scan.model_version}" if scan.model_name else NOTHING

    @admin.display(description="Urgency")
    def urgency(self, scan: Scan) -> str:
        """The tier of what leads."""
        return str(_leading(scan).get("urgency", NOTHING))

    @admin.display(description="Next step")
    def action(self, scan: Scan) -> str:
        """What to do, by what leads."""
        return str(_leading(scan).get("action", NOTHING))

    @admin.display(description="Urgency")
    def model_urgency(self, scan: Scan) -> str:
        """The tier by the model's answer."""
        return str((scan.recommendation or {}).get("urgency", NOTHING))

    @admin.display(description="Next step")
    def model_action(self, scan: Scan) -> str:
        """What to do by the model's answer."""
        return str((scan.recommendation or {}).get("action", NOTHING))

    @admin.display(description="Reasons")
    def reasons(self, scan: Scan) -> SafeString | str:
        """Why, of what leads."""
        return _reasons(_leading(scan))

    @admin.display(description="Reasons")
    def model_reasons(self, scan: Scan) -> SafeString | str:
        """Why, of the model's answer."""
        return _reasons(scan.recommendation or {})

    @admin.display(description="Sources")
    def sources(self, scan: Scan) -> SafeString | str:
        """Who says so, of what leads."""
        return _sources(_leading(scan))

    @admin.display(description="Sources")
    def model_sources(self, scan: Scan) -> SafeString | str:
        """Who says so, of the model's answer."""
        return _sources(scan.recommendation or {})

    @admin.display(description="Size")
    def size(self, scan: Scan) -> str:
        """In pixels."""
        return f"{scan.width} × {scan.height} pixels"


@admin.display(description="Uploaded")
def uploads(user: User) -> SafeString | str:
    """How many scans the user has brought into which clinic: those of a former one stay there."""
    listed = reverse("admin:scans_scan_changelist")
    found = user.scans.order_by("clinic").values("clinic").annotate(count=Count("pk"))
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


def _leading(scan: Scan) -> dict[str, Any]:
    """The recommendation of the final reading, or without one of the model's answer; empty without either."""
    if scan.final_reading:
        return FinalReading.stored(scan.final_reading).recommend(scan.model_name, scan.doubts).to_dict()
    return scan.recommendation or {}


def _link(name: str, scan: Scan) -> SafeString:
    return format_html('<a href="{0}"><img src="{0}" alt=""></a>', reverse(name, args=[scan.pk]))


def _reasons(recommendation: Mapping[str, Any]) -> SafeString | str:
    said = recommendation.get("reasons", [])
    return format_html_join("", "<div>{}</div>", [(reason,) for reason in said]) or NOTHING


def _sources(recommendation: Mapping[str, Any]) -> SafeString | str:
    found = [
        (format_html('<a href="{}">{}</a>', source["url"], source["title"]),)
        if source["url"]
        else (source["title"],)
        for source in recommendation.get("sources", [])
    ]
    return format_html_join("", "<div>{}</div>", found) or NOTHING
