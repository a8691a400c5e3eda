"""The allow-list of senders, and what has come, in the administration."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.mongodb.admin import TransactionalAdmin
from webapp.receiver.models import Arrival, CommitmentReport, Instance, Sender


@admin.register(Sender)
class SenderAdmin(TransactionalAdmin[Sender]):
    """Which devices and PACS may send, and to which clinic."""

    list_display = ("ae_title", "network", "clinic", "enabled", "report_port")
    list_filter = ("enabled", "clinic")
    search_fields = ("ae_title", "network", "clinic")

    def save_model(self, request: HttpRequest, obj: Sender, form: ModelForm[Sender], change: bool) -> None:
        """Save, with a record of who allowed whom."""
        before = Sender.objects.filter(pk=obj.pk).first() if change else None
        obj.save()
        action = Action.SENDER_CHANGE if change else Action.SENDER_CREATE
        record(action, _user(request), "sender", before=before, after=Sender.objects.get(pk=obj.pk))

    def delete_model(self, request: HttpRequest, obj: Sender) -> None:
        """Take it off the list, with a record. What it sent stays."""
        record(Action.SENDER_DELETE, _user(request), "sender", before=obj)
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Sender]) -> None:
        """The same for several."""
        for sender in queryset:
            self.delete_model(request, sender)


class _ReadOnly:
    """What is shown and never changed by hand."""

    def has_add_permission(self, *_: object) -> bool:
        """Nothing is added."""
        return False

    def has_change_permission(self, *_: object) -> bool:
        """Nothing is changed."""
        return False

    def has_delete_permission(self, *_: object) -> bool:
        """What was read goes with its scan. Of what was refused the files go after a while, and the documents stay."""
        return False


@admin.register(Arrival)
class ArrivalAdmin(_ReadOnly, admin.ModelAdmin[Arrival]):
    """What has come, and what became of it."""

    list_display = ("arrived", "sender", "clinic", "state", "reason", "scan")
    list_filter = ("state", "clinic", "sender", "code")
    search_fields = ("study_uid", "series_uid")
    date_hierarchy = "arrived"
    list_select_related = ()


@admin.register(CommitmentReport)
class CommitmentReportAdmin(_ReadOnly, admin.ModelAdmin[CommitmentReport]):
    """Reports on storage commitment that senders wait for."""

    list_display = ("asked", "sender", "host", "attempts", "next_attempt_at", "reason")
    list_select_related = ("sender",)
    search_fields = ("transaction",)


@admin.register(Instance)
class InstanceAdmin(_ReadOnly, admin.ModelAdmin[Instance]):
    """The instances that were stored."""

    list_display = ("received", "sender", "clinic", "size", "is_read")
    list_filter = ("is_read", "clinic", "sender")
    search_fields = ("sop_uid", "study_uid")
    date_hierarchy = "received"
    list_select_related = ()


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
