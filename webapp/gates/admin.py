"""The scans whose urgency another version of the model would change, as a worklist; and the evidence of a gate."""

from __future__ import annotations

from django.contrib import admin
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from serving.gates import PDF_NAME
from webapp.accounts.bounds import check_model
from webapp.accounts.models import User
from webapp.gates.models import ChangedTier
from webapp.gates.verdicts import file_of
from webapp.scans.disclosing_admin import DisclosingAdmin


@admin.register(ChangedTier)
class ChangedTierAdmin(DisclosingAdmin[ChangedTier]):
    """What a replay of stored scans found, the most urgent first. It shows answers, so every look is a disclosure."""

    list_display = (
        "scan_page",
        "direction",
        "before",
        "after",
        "label_before",
        "label_after",
        "model_version",
        "made_at",
    )
    list_display_links = None
    list_filter = ("model_version", "direction", "before", "after")
    list_per_page = 50

    def get_urls(self) -> list[URLPattern]:
        """The address of the evidence beside the usual ones."""
        own = path(
            "evidence/<str:name>/<str:version>/", self.admin_site.admin_view(self.evidence), name="gate-pdf"
        )
        return [own, *super().get_urls()]

    def evidence(self, request: HttpRequest, name: str, version: str) -> HttpResponseBase:
        """The PDF of a version's gate. Raises Http404 where there is none."""
        assert isinstance(request.user, User)
        check_model(request.user, name)
        file = file_of(name, version, PDF_NAME)
        if file is None:
            raise Http404
        return FileResponse(file.open("rb"), as_attachment=True, filename=f"gate-{name}-{version}.pdf")

    @admin.display(description="Scan")
    def scan_page(self, change: ChangedTier) -> SafeString:
        """A link to the scan's page."""
        place = reverse("admin:scans_scan_change", args=[change.scan_id])
        return format_html('<a href="{}">{}</a>', place, change.scan_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are made by `./retinote models gate`."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ChangedTier | None = None) -> bool:
        """They are a record."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ChangedTier | None = None) -> bool:
        """The next replay replaces them."""
        return False
