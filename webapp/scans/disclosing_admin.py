"""Pages of the administration that show what is hidden from who reads blind."""

from __future__ import annotations

from typing import TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from webapp.accounts.models import User
from webapp.scans.disclosure import disclose_everything

Document = TypeVar("Document", bound=Model)


class DisclosingAdmin(admin.ModelAdmin[Document]):
    """Its lists, filters and pages show answers and verdicts: who looks at them reads no scan of until then blind."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        """What all its pages begin with, noted as shown."""
        assert isinstance(request.user, User)
        disclose_everything(request.user)
        return super().get_queryset(request)
