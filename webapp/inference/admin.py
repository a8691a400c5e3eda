"""The list of registered model versions, read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from webapp.inference.model_server import ModelUnavailable, model_client
from webapp.inference.models import RegisteredVersion


@admin.register(RegisteredVersion)
class RegisteredVersionAdmin(admin.ModelAdmin[RegisteredVersion]):
    """The versions that the model server has; it is asked at each look. `./retinote models` changes them."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The versions, or why they can't be listed."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Registered model versions",
            "opts": self.opts,
            "versions": [],
            "error": "",
        }
        try:
            context["versions"] = model_client().versions()
        except ModelUnavailable as error:
            context["error"] = str(error)
        return TemplateResponse(request, "admin/inference/registered_versions.html", context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """`./retinote models` adds and removes versions."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: RegisteredVersion | None = None) -> bool:
        """`./retinote models` changes versions."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RegisteredVersion | None = None) -> bool:
        """`./retinote models` adds and removes versions."""
        return False
