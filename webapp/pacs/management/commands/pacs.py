"""`python -m django pacs`: behind `./retinote pacs`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count

from webapp.pacs.models import Destination, Sending, Status
from webapp.pacs.network import Refused, Unreachable
from webapp.pacs.outgoing import echo


class Command(BaseCommand):
    """Show where results are sent, or try whether a destination answers."""

    help = "Show where results are sent and what is left to send, or try whether a destination answers."
    requires_system_checks = ()  # they load all of the web app, which takes longer than the work

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, and with which destination."""
        parser.add_argument("action", choices=["list", "echo"])
        parser.add_argument("name", nargs="?", default="")

    def handle(self, *args: Any, action: str, name: str = "", **options: Any) -> None:
        """List all destinations, or ask one whether it is there."""
        if action == "list":
            self._list()
            return
        destination = Destination.objects.filter(name=name).first()
        if destination is None:
            known = ", ".join(Destination.objects.values_list("name", flat=True)) or "none is set"
            raise CommandError(f"There is no destination {name or '(name one)'}; there are: {known}.")
        try:
            self.stdout.write(echo(destination))
        except (Unreachable, Refused) as error:
            raise CommandError(str(error)) from error

    def _list(self) -> None:
        found = list(Destination.objects.all())
        if not found:
            self.stdout.write("No destination is set. Administrators set them under Results sent.")
        for destination in found:
            counted = (
                Sending.objects.filter(destination=destination).values("status").annotate(count=Count("pk"))
            )
            counts = {row["status"]: row["count"] for row in counted}
            parts = [f"{counts[status]} {status}" for status in Status.values if counts.get(status)]
            state = "on" if destination.enabled else "off"
            failure = f": {destination.last_failure}" if destination.last_failure else ""
            self.stdout.write(
                f"{destination.name} ({destination.get_protocol_display()}, {state}): {', '.join(parts) or 'nothing yet'}{failure}"
            )
