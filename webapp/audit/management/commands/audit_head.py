"""`python -m django audit_head`: behind `./retinote audit head`."""

from typing import Any

from django.core.management.base import BaseCommand

from webapp.audit.sealing import head, seal


class Command(BaseCommand):
    """Seal what waits and print the chain's head; kept elsewhere, it anchors all records up to it."""

    help = "Print number and hash of the newest audit record, as NUMBER:HASH."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line."""
        seal()
        last = head()
        self.stdout.write(f"{last.number}:{last.hash}")
