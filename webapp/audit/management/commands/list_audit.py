"""`python -m django list_audit`: behind `./retinote audit list`."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand

from webapp.audit import search
from webapp.audit.models import Action
from webapp.audit.sealing import seal

PIECE = 200


def moment(text: str) -> datetime:
    """Read a day or a time in ISO 8601, UTC where no zone is given; raises ArgumentTypeError."""
    try:
        given = datetime.fromisoformat(text)
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(f"{text!r} is no time, such as 2026-01-31 or 2026-01-31T12:00") from error


class Command(BaseCommand):
    """Seal what waits, and print records, newest first."""

    help = "Print audit records, newest first, a line each: number, time, actor, action, object, scans."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options that choose records."""
        parser.add_argument("--actor", default="", metavar="NAME", help="an account's name or id")
        parser.add_argument(
            "--object",
            dest="object_id",
            default="",
            metavar="ID",
            help="the id of an object, or of a scan with all that belongs to it; or an account's name",
        )
        parser.add_argument("--action", default="", choices=Action.values, metavar="ACTION")
        parser.add_argument("--since", type=moment, metavar="TIME", help="from then on")
        parser.add_argument("--until", type=moment, metavar="TIME", help="before then")
        parser.add_argument("--limit", type=int, default=PIECE, metavar="N", help="at most; 200 by default")

    def handle(self, *args: Any, limit: int, **options: Any) -> None:
        """Print a line for each record, its columns separated by tabs."""
        seal()
        wanted = ("actor", "object_id", "action", "since", "until")
        found = search.records(**{name: options[name] for name in wanted})[: max(0, limit)]
        rest = found.iterator(chunk_size=PIECE)
        while piece := list(islice(rest, PIECE)):
            accounts = search.accounts_of(piece)
            for record in piece:
                columns = (
                    record.number,
                    f"{record.time:%Y-%m-%d %H:%M:%S}",
                    search.actor_of(record, accounts),
                    record.action,
                    accounts.get(record.object_id, record.object_id),
                    record.scan_id or ",".join(record.scan_ids or ()),
                    record.asked or "",
                )
                self.stdout.write("\t".join(_printable(str(column)) for column in columns).rstrip())


def _printable(text: str) -> str:
    """The text without control characters, which a terminal would obey: names of models come from a file."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
