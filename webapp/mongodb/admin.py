"""Pages of the administration whose changes are transactions of MongoDB."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

Document = TypeVar("Document", bound=Model)


class TransactionalAdmin(admin.ModelAdmin[Document]):
    """Handles forms outside of Django's transaction, which has no effect here and keeps MongoDB's from committing."""

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add a document, outside of Django's transaction."""
        own = getattr(self, "_add_view", None)  # the users' page has one
        if own:
            response: HttpResponse = own(request, form_url, extra_context)
            return response
        return super().add_view(request, form_url, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Change a document, outside of Django's transaction."""
        response: HttpResponse = self._changeform_view(  # type: ignore[attr-defined]
            request, object_id, form_url, extra_context
        )
        return response

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Delete a document, outside of Django's transaction."""
        response: HttpResponse = self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]
        return response
