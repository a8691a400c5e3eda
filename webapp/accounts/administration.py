"""The administration's site: Django's own, bounded by modalities, with another form for a new password."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth import authenticate
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy

from webapp.accounts.bounds import of_own_modalities
from webapp.accounts.models import User


class OwnPasswordForm(AdminPasswordChangeForm):
    """The form for one's own new password. Guesses at the old one count like failed sign-ins."""

    def __init__(self, *args: Any, request: HttpRequest, **options: Any) -> None:
        super().__init__(*args, **options)
        self._request = request

    def clean_old_password(self) -> str:
        """The old password. Raises ValidationError for a wrong one."""
        old: str = self.cleaned_data["old_password"]
        if authenticate(self._request, username=self.user.get_username(), password=old) is None:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old


class OwnPasswordView(PasswordChangeView):
    """Django's view, with the form above."""

    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form's arguments, with the request."""
        return {**super().get_form_kwargs(), "request": self.request}


class ByModality(ModelAdmin[Any]):
    """Pages that begin with the documents of the user's modalities."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The documents with which all pages begin, those of other modalities left out."""
        assert isinstance(request.user, User)
        return of_own_modalities(super().get_queryset(request), request.user)


class Administration(AdminSite):
    """The site at /admin/."""

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        """Register pages as Django does. All of them are bounded, so that a new one is from its first day."""
        own = admin_class or ModelAdmin
        bounded = type(
            own.__name__, (ByModality, own), {"__module__": own.__module__, "__doc__": own.__doc__}
        )
        super().register(model_or_iterable, bounded, **options)

    def password_change(  # type: ignore[override]  # Django's redirects, too, whatever its stubs say
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Change one's own password."""
        context = {**self.each_context(request), **(extra_context or {})}
        return OwnPasswordView.as_view(extra_context=context)(request)
