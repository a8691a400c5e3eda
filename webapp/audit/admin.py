"""The audit in the admin, to be read."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from webapp.audit.models import Record


@admin.register(Record)
class RecordAdmin(admin.ModelAdmin[Record]):
    """The sealed records, newest first."""

    list_display = ("number", "time", "action", "actor", "kind", "object_id", "scan_id")
    list_filter = ("action", "kind", "time")
    search_fields = ("=actor", "=object_id", "=scan_id", "=request_id")
    search_help_text = "The whole id of a user, an object, a scan or a request."
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Records come from what is done."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Record | None = None) -> bool:
        """Nobody changes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Record | None = None) -> bool:
        """Nobody deletes them."""
        return False
