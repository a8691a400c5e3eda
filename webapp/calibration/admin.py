"""Local calibrations in the administration: looked at, made, taken back; never edited or deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from webapp.accounts.abilities import Ability
from webapp.accounts.bounds import check_model
from webapp.accounts.models import User
from webapp.calibration import profiles, summary
from webapp.calibration.evidence import LEAST_SCANS
from webapp.calibration.models import CalibrationProfile
from webapp.core import modalities
from webapp.scans.disclosing_admin import DisclosingAdmin
from webapp.scans.disclosure import disclose_everything


@admin.register(CalibrationProfile)
class CalibrationProfileAdmin(DisclosingAdmin[CalibrationProfile]):
    """Every calibration, with buttons to calibrate and to take back.

    Counts and metrics on few scans tell what was said of each, so that every look counts as a disclosure.
    """

    change_list_template = "admin/calibration/calibrations.html"
    list_display = (
        "name",
        "model_name",
        "model_version",
        "scans",
        "temperature",
        "made_at",
        "made_by",
        "state",
    )
    list_filter = ("model_name", "model_version")
    list_per_page = 25
    fields = readonly_fields = (
        "name",
        "state",
        "basis",
        "terms",
        "thresholds",
        "metrics",
        "made_at",
        "made_by",
        "undone_at",
        "undone_by",
    )

    def get_urls(self) -> list[URLPattern]:
        """The buttons' addresses beside the usual ones."""
        own = [
            path("calibrate/", self.admin_site.admin_view(require_POST(self.calibrate)), name="calibrate"),
            path("undo/", self.admin_site.admin_view(require_POST(self.undo)), name="undo-calibration"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with the number of scans that a calibration takes."""
        answering = [
            (each.model, each.title, _in_use(each.model))
            for each in modalities.of_user(_user(request).modalities)
        ]
        context = {"least_scans": LEAST_SCANS, "answering": answering, **(extra_context or {})}
        return super().changelist_view(request, context)

    def calibrate(self, request: HttpRequest) -> HttpResponse:
        """Show the metrics before and after; the second button stores the calibration."""
        user, model = _may_calibrate(request)
        disclose_everything(user)
        try:
            if "store" in request.POST:
                made = profiles.calibrate(user, model)
                self.log_addition(request, made, "Calibrated.")
                self.message_user(request, f"The calibration {made.name} is in use.")
                return HttpResponseRedirect(
                    reverse("admin:calibration_calibrationprofile_change", args=[made.pk])
                )
            tried = profiles.propose(model).document(user)
        except profiles.EXPECTED_ERRORS as error:
            self.message_user(request, str(error), messages.ERROR)
            return _to_the_list()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Calibrate {tried.model_name}",
            "model": tried.model_name,
            "opts": self.opts,
            "basis": summary.basis(tried),
            "left_out": tried.left_out,
            "terms": summary.terms(tried),
            "thresholds": summary.thresholds(tried),
            "metrics": summary.metrics(tried),
            "explanation": summary.EXPLANATION,
        }
        return TemplateResponse(request, "admin/calibration/proposal.html", context)

    def undo(self, request: HttpRequest) -> HttpResponse:
        """Take back the calibration in use, if it is the one that was shown beside the button."""
        user, model = _may_calibrate(request)
        disclose_everything(user)
        try:
            undone, used = profiles.undo(user, model, request.POST.get("name", ""))
        except profiles.EXPECTED_ERRORS as error:
            self.message_user(request, str(error), messages.ERROR)
            return _to_the_list()
        self.log_change(request, undone, "Taken back.")
        self.message_user(request, summary.undone(undone, used))
        return _to_the_list()

    @admin.display(description="State")
    def state(self, profile: CalibrationProfile) -> str:
        """Whether answers follow it: in use, taken back or earlier."""
        return summary.state(profile, _in_use(profile.model_name))

    @admin.display(description="Fitted on")
    def basis(self, profile: CalibrationProfile) -> SafeString:
        """The scans that it was fitted on, and those that were left out."""
        return format_html_join(
            "", "<div>{}</div>", [(line,) for line in (summary.basis(profile), *profile.left_out)]
        )

    @admin.display(description="Fitted")
    def terms(self, profile: CalibrationProfile) -> str:
        """The temperature and the threshold of familiarity."""
        return summary.terms(profile)

    @admin.display(description="Ruled out below")
    def thresholds(self, profile: CalibrationProfile) -> SafeString | str:
        """The threshold of each label, a line each."""
        return format_html_join("", "<div>{} {}, {}</div>", summary.thresholds(profile)) or summary.NOTHING

    @admin.display(description="Before and after")
    def metrics(self, profile: CalibrationProfile) -> SafeString:
        """The metrics before and after."""
        rows = format_html_join("", "<div>{}: {}, then {}</div>", summary.metrics(profile))
        return rows + format_html_join("", "<p class='help'>{}</p>", [(summary.EXPLANATION,)])

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are made by the button."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: CalibrationProfile | None = None) -> bool:
        """They are a record."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: CalibrationProfile | None = None) -> bool:
        """Predictions name them: they are taken back."""
        return False


def _in_use(model: str) -> CalibrationProfile | None:
    return CalibrationProfile.objects.in_use(model)


def _may_calibrate(request: HttpRequest) -> tuple[User, str]:
    """The user and the model that was asked for. Raises PermissionDenied."""
    user, model = _user(request), request.POST.get("model", "")
    if not user.may(Ability.CALIBRATE):
        raise PermissionDenied
    check_model(user, model)
    return user, model


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _to_the_list() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:calibration_calibrationprofile_changelist"))
