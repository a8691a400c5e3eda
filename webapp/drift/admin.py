"""Drift in the administration: each clinic and device, what differs since when, and a button to acknowledge."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.drift.acknowledging import NotLive, acknowledge
from webapp.drift.comparing import BEFORE
from webapp.drift.models import Against, DriftAlarm, DriftStream
from webapp.drift.samples import in_words
from webapp.drift.showing import plot
from webapp.drift.sizes import BLOCK, EARLIER
from webapp.drift.telling import NO_HOME, NO_STREAM, minute, reason_of, state_of
from webapp.scans.disclosing_admin import DisclosingAdmin
from webapp.scans.disclosure import disclose_everything


@admin.register(DriftStream)
class DriftStreamAdmin(DisclosingAdmin[DriftStream]):
    """Every clinic and device that is watched. They are made and changed by the worker alone.

    Distributions of few scans tell what was said of each, so that every look counts as a disclosure.
    """

    change_list_template = "admin/drift/streams.html"
    list_display = ("__str__", "model_name", "model_version", "state", "newest", "tests")
    list_filter = ("model_name", "model_version")
    search_fields = ("clinic", "device")
    list_per_page = 25

    def get_urls(self) -> list[URLPattern]:
        """The button's address beside the usual ones."""
        view = self.admin_site.admin_view(require_POST(self.acknowledge))
        return [
            path("<str:stream>/acknowledge/<str:alarm>/", view, name="drift-acknowledge"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with what to read it by."""
        streams = self.get_queryset(request)
        context = {
            "block": BLOCK,
            "earlier": EARLIER,
            "nothing": "" if streams.exists() else NO_STREAM,
            "no_home": NO_HOME if streams.filter(has_home=False).exists() else "",
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What differs in a stream, with plots."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        stream = self.get_object(request, object_id)
        if stream is None:
            raise Http404
        return TemplateResponse(
            request,
            "admin/drift/stream.html",
            {
                **self.admin_site.each_context(request),
                "title": str(stream),
                "opts": self.opts,
                "stream": stream,
                "state": self.state(stream),
                "alarms": [(alarm, reason_of(alarm)) for alarm in stream.alarms.all()],
                "measures": measures(stream),
                "accuracy": {
                    name: f"{value:.1%}"
                    for name, value in (stream.last.get("expected_accuracy") or {}).items()
                    if value is not None
                },
                "last": minute(stream.last_at) if stream.last_at else "",
            },
        )

    def acknowledge(self, request: HttpRequest, stream: str, alarm: str) -> HttpResponse:
        """Acknowledge an alarm; with `accept` in the form, what is new is the measure from now on."""
        if not isinstance(request.user, User) or not request.user.may(Ability.MANAGE):
            raise PermissionDenied
        disclose_everything(request.user)
        found = self.get_object(request, stream)
        if found is None:
            raise Http404
        known = next((one for one in found.alarms.all() if str(one.pk) == alarm), None)
        if known is None:
            raise Http404
        try:
            acknowledge(known, request.user, accept="accept" in request.POST)
            self.message_user(request, _done(known, "accept" in request.POST))
        except NotLive as error:
            self.message_user(request, str(error), messages.WARNING)
        return HttpResponseRedirect(reverse("admin:drift_driftstream_change", args=[found.pk]))

    @admin.display(description="State")
    def state(self, stream: DriftStream) -> str:
        """Whether it differs, or what is missing to tell."""
        return state_of(stream, stream.alarms.live(), EARLIER, BLOCK)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The worker makes them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: DriftStream | None = None) -> bool:
        """The worker changes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DriftStream | None = None) -> bool:
        """They are what later scans are compared with."""
        return False


def measures(stream: DriftStream) -> list[dict[str, Any]]:
    """A row for each measure of the last comparison: what differs first."""
    last = stream.last
    rows = []
    for one in last.get("differences", []):
        curves = dict(last["plots"].get(one["measure"], {}))
        counts = last["words"].get(one["measure"], {})
        rows.append(
            {
                "name": in_words(one["measure"]),
                "against": "earlier scans" if one["against"] == BEFORE else "home",
                "p": f"{one['p']:.2g}",
                "effect": f"{one['effect']:.2f}",
                "significant": one["significant"],
                "plot": plot(curves),
                "words": [
                    f"{name}: " + (", ".join(f"{word} {count}" for word, count in found) or "none")
                    for name, found in counts.items()
                ],
            }
        )
    return rows


def _done(alarm: DriftAlarm, accepted: bool) -> str:
    if not accepted:
        return "Acknowledged. The alarm ends by itself once the scans no longer differ."
    if alarm.against == Against.HOME:
        return "Accepted: these scans are no longer compared with the model's home scans."
    return "Accepted: the scans since the change are what later ones are compared with."
