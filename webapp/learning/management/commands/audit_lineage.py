"""`python -m django audit_lineage`: behind `./retinote audit lineage`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.audit.sealing import seal
from webapp.learning.lineage import NoLineage, lineage


class Command(BaseCommand):
    """Follow a scan's answer back to the verdicts that its model learnt from; the exit status is 1 for a broken link."""

    help = "Go from a scan's answer to its weights, their training data and the verdicts behind it."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The scan, where models lie, and how much is said of verdicts."""
        parser.add_argument("scan", help="id of the scan")
        parser.add_argument(
            "--store", type=Path, action="append", default=[], help="folder with models; several may be given"
        )
        parser.add_argument("--verdicts", action="store_true", help="name every verdict")

    def handle(
        self, *args: Any, scan: str, store: list[Path], verdicts: bool = False, **options: Any
    ) -> None:
        """Print the links, one a line, each after OK, BROKEN or END."""
        seal()
        is_whole = True
        try:
            for link in lineage(scan, store, verdicts):
                self.stdout.write(str(link))
                is_whole &= not link.broken
        except NoLineage as error:
            raise CommandError(str(error)) from error
        if not is_whole:
            raise SystemExit(1)
