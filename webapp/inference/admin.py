"""The list of registered model versions, read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from webapp.core import modalities
from webapp.inference.model_server import ImageRefused, ModelUnavailable, model_client
from webapp.inference.models import RegisteredVersion
from webapp.inference.version_page import added_columns, added_sections, card_section


@admin.register(RegisteredVersion)
class RegisteredVersionAdmin(admin.ModelAdmin[RegisteredVersion]):
    """The versions that the model server has; it is asked at each look. `./retinote models` changes them."""

    def get_urls(self) -> list[URLPattern]:
        """The address of a version's page beside the usual ones."""
        own = path(
            "<str:name>/<str:version>/version/",
            self.admin_site.admin_view(self.version_view),
            name="model-version",
        )
        return [own, *super().get_urls()]

    def version_view(self, request: HttpRequest, name: str, version: str) -> HttpResponse:
        """A version: its card if the model server has it, its gate, and why it was promoted without a passed one.

        A user of some modalities sees versions of their models alone.
        """
        if name not in _own_models(request) and _is_bounded(request):
            raise PermissionDenied
        sections, error = [], ""
        try:
            if name in (asked := modalities.models()):
                sections.append(card_section(model_client(name).card(version)))
            else:
                error = (
                    f"The web app does not ask {name}: the models of its modalities are {', '.join(asked)}."
                )
        except ModelUnavailable as unavailable:
            error = str(unavailable)
        except ImageRefused:
            error = "The model server does not serve this version; ./retinote models show prints its card."
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"{name} {version}",
            "opts": self.opts,
            "sections": [*sections, *added_sections(name, version)],
            "error": error,
        }
        return TemplateResponse(request, "admin/inference/version.html", context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The versions of each modality's model, or why they can't be listed."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Registered model versions",
            "opts": self.opts,
            "versions": [],
            "error": "",
        }
        for name in _own_models(request):
            try:
                context["versions"] += [
                    (version, added_columns(version.name, version.version))
                    for version in model_client(name).versions()
                ]
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


def _is_bounded(request: HttpRequest) -> bool:
    # What accounts are is decided in a higher layer.
    return bool(getattr(request.user, "modalities", ()))


def _own_models(request: HttpRequest) -> list[str]:
    """The models of the modalities that the user works with."""
    return [each.model for each in modalities.of_user(getattr(request.user, "modalities", ()))]
