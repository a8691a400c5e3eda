"""Pages of the administration that show what is hidden from blind readers."""

from __future__ import annotations

from typing import TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from webapp.accounts.models import User
from webapp.scans.disclosure import disclose_everything

Document = TypeVar("Document", bound=Model)


class DisclosingAdmin(admin.ModelAdmin[Document]):
    """Lists, filters and pages that show answers and verdicts: a user who opens them reads today's scans blind no more."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        """The documents with which all pages begin; notes everything as shown to the user."""
        assert isinstance(request.user, User)
        disclose_everything(request.user)
        return super().get_queryset(request)
