"""`python -m django stored_scans`: behind `./retinote models gate`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from webapp.core import modalities
from webapp.gates.replay import write_scans


class Command(BaseCommand):
    """List the stored scans that another version of the model is to answer."""

    help = "Write the key and the file of each stored scan, a line of JSON for each."
    requires_system_checks = ()  # they load all of the web app, which takes longer than the work

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose scans, and where to write."""
        parser.add_argument("--model", help="that answered them (default: the first modality's)")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")

    def handle(self, *args: Any, model: str | None = None, out: Path, **options: Any) -> None:
        """Write the list, and say how long it is."""
        self.stdout.write(f"{write_scans(model or modalities.default().model, out)} stored scans to replay")
