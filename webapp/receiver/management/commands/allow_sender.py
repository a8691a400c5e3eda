"""`manage.py allow_sender AE NETWORK CLINIC`: puts a device or PACS on the list of those that may send."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.audit.models import Action
from webapp.audit.recording import acting, by_operator, record
from webapp.mongodb.transactions import all_or_nothing
from webapp.receiver.models import Sender


class Command(BaseCommand):
    """Allows a sender, as the administration does."""

    help = "Put a device or PACS on the list of those that may send over the DICOM network protocol."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare who, from where, and for which clinic."""
        parser.add_argument("ae_title", metavar="AE", help="what it calls itself")
        parser.add_argument("network", metavar="NETWORK", help="the address or network that it calls from")
        parser.add_argument("clinic", metavar="CLINIC", help="whose what it sends is")

    def handle(self, **options: Any) -> None:
        """Add it, or leave one that is there as it is. Raises CommandError for values that can't be."""
        wanted = {name: options[name] for name in ("ae_title", "network", "clinic")}
        sender = Sender(**wanted)
        try:
            sender.full_clean()
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        if Sender.objects.filter(**wanted, enabled=True).exists():
            self.stdout.write(f"{sender} may send already.")
            return

        def write() -> None:
            sender.save(force_insert=True)
            record(Action.SENDER_CREATE, acting(), "sender", after=Sender.objects.get(pk=sender.pk))

        with by_operator():
            all_or_nothing(write)
        self.stdout.write(f"{sender} may send for {sender.clinic}.")
