"""`python -m django audit_lineage`: behind `./retinote audit lineage`."""

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from serving.shared.errors import StoreError
from serving.shared.place import is_url, objects_at
from serving.shared.store import SharedStores
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
            "--store",
            action="append",
            default=[],
            help="folder with models, or the URL of a store that model servers share; several may be given (default: "
            "RETINOTE_MODEL_STORE, if it is set)",
        )
        parser.add_argument("--verdicts", action="store_true", help="name every verdict")

    def handle(self, *args: Any, scan: str, store: list[str], verdicts: bool = False, **options: Any) -> None:
        """Print the links, one a line, each after OK, BROKEN or END."""
        seal()
        places = store or list(filter(None, [settings.MODEL_STORE]))
        is_whole = True
        try:
            with tempfile.TemporaryDirectory() as brought:
                folders = [Path(place) for place in places if not is_url(place)]
                shared = [SharedStores(objects_at(place), Path(brought)) for place in places if is_url(place)]
                for link in lineage(scan, folders, verdicts, shared):
                    self.stdout.write(str(link))
                    is_whole &= not link.broken
        except (NoLineage, StoreError) as error:
            raise CommandError(str(error)) from error
        if not is_whole:
            raise SystemExit(1)
