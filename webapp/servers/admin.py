"""The model servers on a shared store in the administration: what each serves, and buttons for what is decided."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from webapp.accounts.abilities import Ability
from webapp.accounts.models import User
from webapp.servers import shared
from webapp.servers.models import ModelServer

DONE = {
    shared.REGISTER: "{name} {version} is registered: each server loads it, which takes a minute or more.",
    shared.PROMOTE: "{name} {version} answers by default; each server follows within seconds.",
    shared.ROLLBACK: "{name} {version} answers by default again; each server follows within seconds.",
    shared.RETIRE: "{name} {version} is retired: each server stops serving it once it has answered all requests.",
}


@admin.register(ModelServer)
class ModelServerAdmin(admin.ModelAdmin[ModelServer]):
    """The servers and the store's versions; the store is asked at each look."""

    def get_urls(self) -> list[URLPattern]:
        """The buttons' address beside the usual ones."""
        decide = self.admin_site.admin_view(require_POST(self.decide))
        return [path("decide/", decide, name="decide-on-version"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Servers and versions, or why they can't be shown."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Model servers",
            "opts": self.opts,
            "is_shared": shared.is_shared(),
            "look": None,
            "error": "",
        }
        if shared.is_shared():
            try:
                context["look"] = shared.look()
            except shared.REFUSALS as error:
                context["error"] = str(error)
        return TemplateResponse(request, "admin/servers/servers.html", context)

    def decide(self, request: HttpRequest) -> HttpResponse:
        """Register, promote, roll back or retire, and go back to the page."""
        user = request.user
        if not isinstance(user, User) or not user.may(Ability.MANAGE):
            raise PermissionDenied
        action, name, version, seen, override = (
            request.POST.get(field, "") for field in ("action", "name", "version", "seen", "override")
        )
        if not shared.is_shared() or action not in shared.ACTIONS:
            raise PermissionDenied
        try:
            decided = shared.decide(user, action, name, version, seen, override)
        except shared.REFUSALS as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, DONE[action].format(name=name, version=decided))
        return HttpResponseRedirect(reverse("admin:servers_modelserver_changelist"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Servers announce themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ModelServer | None = None) -> bool:
        """Servers tell of themselves."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ModelServer | None = None) -> bool:
        """Servers that end take back what they told."""
        return False
