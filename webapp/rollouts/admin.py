"""Trials of versions and withdrawn versions in the administration: looked at, ended, predicted again; never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from webapp.rollouts import repredicting, steps, summary
from webapp.rollouts.disagreements import disagreeing
from webapp.scans.answer_admin import NOTHING
from webapp.scans.disclosing_admin import DisclosingAdmin
from webapp.versions.models import Kind, Rollout, State, Withdrawal

MOST_LINKS = 20


class _Looked(DisclosingAdmin[Any]):
    """Pages of what nobody adds, changes or deletes by hand. Figures on few scans tell what was said of each."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """`./retinote models` makes them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are a record."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are a record."""
        return False


@admin.register(Rollout)
class RolloutAdmin(_Looked):
    """Every shadow and canary, with its figures."""

    list_display = (
        "version",
        "model_name",
        "kind",
        "share",
        "state",
        "champion",
        "started",
        "ended",
        "what_is_missing",
    )
    list_filter = ("kind", "state", "model_name")
    list_per_page = 25
    actions = ("stop",)
    fields = readonly_fields = (
        "model_name",
        "version",
        "kind",
        "state",
        "how_it_stands",
        "to_read_next",
        "champion",
        "started",
        "started_by",
        "ended",
        "weights_sha256",
        "champion_sha256",
    )

    @admin.display(description="Share")
    def share(self, rollout: Rollout) -> str:
        """The percentage, and of what."""
        return f"{rollout.percent:g} % of {'scans' if rollout.kind == Kind.SHADOW else 'patients'}"

    @admin.display(description="Missing")
    def what_is_missing(self, rollout: Rollout) -> str:
        """What keeps it from the next percentage; why it ended."""
        if rollout.state != State.RUNNING:
            return rollout.reason
        return " ".join(rollout.missing)

    @admin.display(description="How it stands")
    def how_it_stands(self, rollout: Rollout) -> SafeString:
        """Stages, guardrails, and the figures of a shadow, a line each."""
        return format_html_join("", "<div>{}</div>", [(line,) for line in summary.lines(rollout)])

    @admin.display(description="To read next")
    def to_read_next(self, rollout: Rollout) -> SafeString | str:
        """The scans on which the last shadow disagrees, the most telling first; not what it says of them."""
        keys = disagreeing(rollout.model_name, MOST_LINKS) if rollout.kind == Kind.SHADOW else []
        links = [(reverse("admin:scans_scan_change", args=[key]), key) for key in keys]
        return format_html_join(", ", '<a href="{}">{}</a>', links) or NOTHING

    @admin.action(description="End: the default answers everybody", permissions=["view"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Rollout]) -> None:
        """End the chosen trials that run."""
        for rollout in queryset:
            try:
                steps.end(rollout, State.STOPPED, "Stopped in the administration.")
            except steps.RolloutError:
                self.message_user(request, f"{rollout} does not run.", messages.WARNING)
            else:
                self.log_change(request, rollout, "Stopped.")
                self.message_user(request, f"{rollout} has ended; the default answers everybody.")


@admin.register(Withdrawal)
class WithdrawalAdmin(_Looked):
    """Versions that were withdrawn after they had answered."""

    list_display = ("version", "model_name", "why", "at", "standing", "how_far")
    list_filter = ("why", "model_name")
    actions = ("predict_again",)
    fields = readonly_fields = (
        "model_name",
        "version",
        "weights_sha256",
        "why",
        "reason",
        "at",
        "standing",
        "how_far",
    )

    @admin.display(description="Holds", boolean=True)
    def standing(self, withdrawal: Withdrawal) -> bool:
        """Whether it was not promoted again since."""
        return withdrawal.active is not None

    @admin.display(description="Its scans")
    def how_far(self, withdrawal: Withdrawal) -> str:
        """How many scans show its answer, and how far predicting them again is."""
        return summary.withdrawn_line(withdrawal)

    @admin.action(description="Predict again what it has answered", permissions=["view"])
    def predict_again(self, request: HttpRequest, queryset: QuerySet[Withdrawal]) -> None:
        """Have the worker predict the scans of all withdrawn versions of these models again."""
        for name in sorted({each.model_name for each in queryset}):
            try:
                count = repredicting.ask(name)
            except repredicting.NothingToPredict as error:
                self.message_user(request, str(error), messages.WARNING)
            else:
                self.message_user(
                    request,
                    f"{count} scans of {name} are predicted again by the worker, one after the other.",
                )
