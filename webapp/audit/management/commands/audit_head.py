"""`python -m django audit_head`: behind `./retinote audit head`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.audit import head_note
from webapp.audit.models import Action
from webapp.audit.recording import SYSTEM, record
from webapp.audit.sealing import head, seal


class Command(BaseCommand):
    """Seal what waits and print the chain's head. Kept elsewhere, it proves all records up to it."""

    help = "Print number and hash of the newest audit record, as NUMBER:HASH."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to accept the chain as it is."""
        parser.add_argument(
            "--accept",
            action="store_true",
            help="take the chain as it is, where the note in the data folder says that it was longer or another one, as "
            "after an older backup was restored; a record says so",
        )

    def handle(self, *args: Any, accept: bool = False, **options: Any) -> None:
        """Print the head, after accepting the chain if that is asked for."""
        if accept:
            self._accept()
        seal()
        last = head()
        if accept and not head_note.note(last, accept=True):
            raise CommandError("The head can't be noted in the data folder; the log says why.")
        self.stdout.write(f"{last.number}:{last.hash}")

    @staticmethod
    def _accept() -> None:
        try:
            before = head_note.noted()
        except ValueError:
            before = None
        number, hash = before or (0, "")
        record(Action.AUDIT_ACCEPT, SYSTEM, "audit", object_id=number, before=hash)
