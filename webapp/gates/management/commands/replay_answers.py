"""`python -m django replay_answers`: behind `./retinote models gate`."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from handlers.card import CARD_NAME, CardError, ModelCard
from webapp.gates.replay import ReplayError, replay


class Command(BaseCommand):
    """Say what would follow for stored scans if another version of the model answered."""

    help = "Compare the steps by a version's answers with those of today's, and list the scans that would change."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The version, what it answered, and where to write."""
        parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="of the version")
        parser.add_argument("--answers", type=Path, required=True, metavar="FILE", help="what it answered")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")

    def handle(self, *args: Any, folder: Path, answers: Path, out: Path, **options: Any) -> None:
        """Write the summary, and say it in a line."""
        try:
            found = replay(ModelCard.load(folder / CARD_NAME), answers)
        except (CardError, ReplayError, OSError) as error:
            raise CommandError(str(error)) from error
        out.write_text(json.dumps(found), encoding="utf-8")
        self.stdout.write(
            f"{found['changed']} of {found['scans']} stored scans would have another urgency; the administration lists "
            "them under Changed tiers"
        )
