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
    """Pages that show answers and verdicts: after opening one, a user no longer reads the scans of until then blind."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        """The documents with which all pages begin; notes everything as shown to the user."""
        assert isinstance(request.user, User)
        disclose_everything(request.user)
        return super().get_queryset(request)
