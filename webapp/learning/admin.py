"""Data sets in the administration: looked at and made; never edited or deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from webapp.accounts.bounds import check_model
from webapp.accounts.models import User
from webapp.learning import asking, exporting, run_admin, summary
from webapp.learning.models import DataSet
from webapp.learning.rules import EXPECTED_ERRORS, Rules
from webapp.scans.disclosing_admin import DisclosingAdmin
from webapp.scans.disclosure import disclose_everything

__all__ = ["DataSetAdmin", "run_admin"]


@admin.register(DataSet)
class DataSetAdmin(DisclosingAdmin[DataSet]):
    """Every data set, with a button that has one made.

    Counts on few scans tell what was said of each, so that every look counts as a disclosure.
    """

    change_list_template = "admin/learning/data_sets.html"
    list_display = ("number", "model_name", "scans", "patients", "made_at", "made_by", "sha256")
    list_filter = ("model_name",)
    list_per_page = 25
    fields = readonly_fields = (
        "number", "model_name", "sha256", "held_out_sha256", "content", "made_by_rules", "folder", "made_at", "made_by",
    )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        """The button's address beside the usual ones."""
        own = path("export/", self.admin_site.admin_view(require_POST(self.export)), name="export-data-set")
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with what settles a label and what has come of the last export."""
        context = {
            "settling": Rules.given().settling,
            "under_way": asking.is_under_way(),
            "last": asking.last(_user(request)),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def export(self, request: HttpRequest) -> HttpResponse:
        """Have the worker make a data set by the installation's rules."""
        user = _user(request)
        rules = Rules.given()
        check_model(user, rules.model)
        disclose_everything(user)
        try:
            asking.ask(rules, user)
        except EXPECTED_ERRORS as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(
                request, "The worker freezes the settled scans. Load this page again to see how far it is."
            )
        return HttpResponseRedirect(reverse("admin:learning_dataset_changelist"))

    @admin.display(description="Scans")
    def scans(self, made: DataSet) -> int:
        """The number of scans."""
        return int(made.counts["scans"])

    @admin.display(description="Patients")
    def patients(self, made: DataSet) -> int:
        """The number of patients."""
        return int(made.counts["patients"])

    @admin.display(description="Holds")
    def content(self, made: DataSet) -> SafeString:
        """What it holds, lacks and leaves out, a line each."""
        return format_html_join("", "<div>{}</div>", [(line,) for line in summary.lines(made)])

    @admin.display(description="Rules")
    def made_by_rules(self, made: DataSet) -> str:
        """What settled a label when it was made."""
        return f"A label was settled by {Rules(**made.rules).settling}."

    @admin.display(description="Folder")
    def folder(self, made: DataSet) -> str:
        """Where its files lie, on the machine that made it."""
        return str(exporting.folder_of(made))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are made by the button."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: DataSet | None = None) -> bool:
        """They are a record."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DataSet | None = None) -> bool:
        """Cards of models name them."""
        return False


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
