"""Destinations of results in the administration, and what is left to send to them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from webapp.accounts.models import User
from webapp.audit.models import Action
from webapp.audit.recording import record
from webapp.mongodb.admin import TransactionalAdmin
from webapp.mongodb.transactions import all_or_nothing
from webapp.pacs.models import Destination, Sending, Status
from webapp.pacs.network import Refused, Unreachable
from webapp.pacs.outgoing import echo
from webapp.pacs.queue import send_again
from webapp.pacs.results import What
from webapp.scans.admin_additions import add_inline
from webapp.scans.models import Scan

READ_ONLY = ("failures", "quiet_until", "last_failure")


class DestinationForm(ModelForm[Destination]):
    """What is sent is chosen from a list."""

    sends = forms.MultipleChoiceField(
        choices=What.choices, required=False, widget=forms.CheckboxSelectMultiple, initial=[What.SR]
    )

    class Meta:
        model = Destination
        exclude = READ_ONLY


@admin.register(Destination)
class DestinationAdmin(TransactionalAdmin[Destination]):
    """Where results are sent, by whose rights, and whether the destination answers."""

    form = DestinationForm
    list_display = (
        "name",
        "protocol",
        "enabled",
        "when",
        "clinic",
        "account",
        "waiting",
        "failed",
        "last_failure",
    )
    list_filter = ("enabled", "protocol")
    search_fields = ("name",)
    readonly_fields = READ_ONLY
    actions = ("try_them",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new destination gets what the administrator who sets it may know, unless they choose another account."""
        return {"account": request.user.pk}

    def save_model(
        self, request: HttpRequest, obj: Destination, form: ModelForm[Destination], change: bool
    ) -> None:
        """Save a destination with its record."""
        user = request.user
        assert isinstance(user, User)

        def write() -> None:
            before = Destination.objects.filter(pk=obj.pk).first() if change else None
            if change:  # and leave alone what the worker counts meanwhile
                obj.save(update_fields=list(form.cleaned_data))
            else:
                obj.save(force_insert=True)
            obj.refresh_from_db()
            action = Action.DESTINATION_CHANGE if change else Action.DESTINATION_CREATE
            record(action, user, "destination", before=before, after=obj)

        all_or_nothing(write)

    def delete_model(self, request: HttpRequest, obj: Destination) -> None:
        """Delete a destination, with what waits for it, and its record."""
        user = request.user
        assert isinstance(user, User)

        def write() -> None:
            before = Destination.objects.filter(pk=obj.pk).first()
            if before is not None:
                Destination.objects.filter(pk=obj.pk).delete()
                record(Action.DESTINATION_DELETE, user, "destination", before=before)

        all_or_nothing(write)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
        """Delete several, each with its record."""
        for destination in queryset:
            self.delete_model(request, destination)

    @admin.display(description="Waiting")
    def waiting(self, destination: Destination) -> int:
        """How many results wait for it."""
        return Sending.objects.filter(destination=destination, status=Status.WAITING).count()

    @admin.display(description="Failed")
    def failed(self, destination: Destination) -> int:
        """How many results it did not get."""
        return Sending.objects.filter(destination=destination, status=Status.FAILED).count()

    @admin.action(description="Try whether they answer", permissions=["change"])
    def try_them(self, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
        """Ask each chosen destination whether it is there and lets us in."""
        for destination in queryset:
            try:
                self.message_user(request, echo(destination))
            except (Unreachable, Refused) as error:
                self.message_user(request, str(error), messages.ERROR)


@admin.register(Sending)
class SendingAdmin(admin.ModelAdmin[Sending]):
    """What was sent, what waits, and what failed."""

    list_display = ("scan_id", "what", "destination", "status", "asked", "sent", "attempts", "reason")
    list_filter = ("status", "what", "destination")
    list_select_related = ("destination",)
    actions = ("send_again",)
    fields = readonly_fields = (
        "scan_id", "what", "destination", "status", "reason", "asked", "sent", "attempts", "next_attempt_at", "study", "series",
        "instance",
    )  # fmt: skip

    @admin.action(description="Send again", permissions=["view"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Sending]) -> None:
        """Send the chosen results, whether or not they have changed."""
        chosen = list(queryset.select_related("destination"))
        for sending in chosen:
            send_again(sending)
        self.message_user(request, f"{len(chosen)} result(s) will be sent again.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Answers and verdicts make them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Sending | None = None) -> bool:
        """Sending changes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Sending | None = None) -> bool:
        """They go with their scan or their destination."""
        return False


class SendingInline(admin.TabularInline[Sending, Scan]):
    """What of a scan was sent, on its page; of a volume on that of the B-scan in its middle."""

    model = Sending
    extra = 0
    can_delete = False
    fields = readonly_fields = ("what", "destination", "status", "reason", "asked", "sent", "instance")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sending]:
        """The results with their destinations, in one query."""
        return super().get_queryset(request).select_related("destination")

    def has_add_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """Answers and verdicts make them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Scan | None = None) -> bool:
        """Sending changes them."""
        return False


add_inline(SendingInline)
