"""Service keys in the administration: issued, limited and revoked; never shown again and never deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers

from webapp.accounts.models import User
from webapp.core import clock
from webapp.gateway import issuing
from webapp.gateway.models import ServiceKey
from webapp.mongodb.admin import TransactionalAdmin

READ_ONLY = (
    "prefix",
    "issued_by",
    "issued",
    "revoked_by",
    "revoked_at",
    "calls",
    "refused_calls",
    "last_used",
)


@admin.register(ServiceKey)
class ServiceKeyAdmin(TransactionalAdmin[ServiceKey]):
    """Which services may call the model server directly, and how often they do."""

    list_display = (
        "service",
        "clinic",
        "prefix",
        "state",
        "calls_per_minute",
        "calls",
        "refused_calls",
        "last_used",
        "expires",
    )
    list_filter = ("issued", "revoked_at")
    search_fields = ("service", "prefix")
    readonly_fields = READ_ONLY
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ServiceKey | None = None) -> tuple[str, ...]:
        """The fields that an administrator decides, and for an issued key the others below."""
        return issuing.DECIDED if obj is None else (*issuing.DECIDED, *READ_ONLY)

    def save_model(
        self, request: HttpRequest, obj: ServiceKey, form: ModelForm[ServiceKey], change: bool
    ) -> None:
        """Issue a new key, or save the decided fields of an issued one."""
        assert isinstance(request.user, User)
        if change:
            issuing.change(obj, request.user)
            return
        request._issued_key = issuing.issue(obj, request.user)  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ServiceKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key, this once. A message on the next page would have to wait in a cookie."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Service key issued",
            "opts": self.opts,
            "service_key": obj,
            "text": request._issued_key,  # type: ignore[attr-defined]
        }
        response = TemplateResponse(request, "admin/gateway/issued_key.html", context)
        add_never_cache_headers(response)
        return response

    @admin.display(description="State")
    def state(self, key: ServiceKey) -> str:
        """The state of the key: in use, expired or revoked."""
        if key.revoked_at:
            return "revoked"
        return "expired" if key.expires and key.expires <= clock.now() else "in use"

    @admin.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ServiceKey]) -> None:
        """End the chosen keys for good, from the next call on."""
        assert isinstance(request.user, User)
        revoked = [key for key in queryset if issuing.revoke(key, request.user)]
        for key in revoked:
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"{len(revoked)} key(s) revoked.")

    def has_change_permission(self, request: HttpRequest, obj: ServiceKey | None = None) -> bool:
        """A revoked key stays as it was."""
        return super().has_change_permission(request, obj) and not (obj and obj.revoked_at)

    def has_delete_permission(self, request: HttpRequest, obj: ServiceKey | None = None) -> bool:
        """Who called with which key must be known later, too: keys are revoked."""
        return False
