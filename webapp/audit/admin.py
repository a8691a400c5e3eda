"""The audit in the administration, read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from webapp.audit import search
from webapp.audit.models import Record


class RecordList(ChangeList):
    """A page of records, with today's names of its accounts in one query."""

    def get_results(self, request: HttpRequest) -> None:
        """Load the page, and the names of its accounts."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        accounts = search.accounts_of(self.result_list)
        for record in self.result_list:
            record.accounts = accounts


@admin.register(Record)
class RecordAdmin(admin.ModelAdmin[Record]):
    """The sealed records, newest first."""

    list_display = ("number", "time", "action", "who", "kind", "object", "scan", "scans", "asked")
    list_filter = ("action", "kind", "time")
    # get_search_results does the search; without a field here there would be no box to type into.
    search_fields = ("=actor",)
    search_help_text = (
        "An account's name, or the whole id of a user, an object, a scan or a request. For a time, add "
        "time__gte=2026-01-31 and time__lt=2026-02-01 to the address."
    )
    fields = tuple(dict.fromkeys(["number", "time", "who", *(field.name for field in Record._meta.fields)]))
    readonly_fields = ("who",)
    list_per_page = 50
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """A list that loads the names of accounts once for each page."""
        return RecordList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Record], search_term: str
    ) -> tuple[QuerySet[Record], bool]:
        """Search by an account's name, then or today, or by an id; each uses an index."""
        text = search_term.strip()
        if not text:
            return queryset, False
        return queryset.filter(search.by_actor(text) | search.about(text) | Q(request_id=text)), False

    @admin.display(description="Actor", ordering="actor")
    def who(self, record: Record) -> str:
        """Who did it, by name where there is one."""
        accounts = getattr(record, "accounts", None)
        return search.actor_of(record, search.accounts_of([record]) if accounts is None else accounts)

    @admin.display(description="Object")
    def object(self, record: Record) -> SafeString:
        """The object's id, or the account's name, with a link to all records about it."""
        accounts: dict[str, str] = getattr(record, "accounts", {})
        return _all_about(record.object_id, accounts.get(record.object_id, ""))

    @admin.display(description="Scan")
    def scan(self, record: Record) -> SafeString:
        """The scan's id, with a link to all records about it."""
        return _all_about(record.scan_id)

    @admin.display(description="Scans")
    def scans(self, record: Record) -> int | str:
        """The number of scans, for a list."""
        return len(record.scan_ids or ()) or ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Records come from what is done."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Record | None = None) -> bool:
        """Nobody changes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Record | None = None) -> bool:
        """Nobody deletes them."""
        return False


def _all_about(id: str, name: str = "") -> SafeString:
    return format_html('<a href="?{}">{}</a>', urlencode({"q": id}), name or id) if id else SafeString("")
