"""`python -m django verify_audit`: behind `./retinote audit verify`."""

from argparse import ArgumentParser, ArgumentTypeError
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand

from webapp.audit.sealing import seal
from webapp.audit.verification import Verification

MOST_FINDINGS = 100


def anchor(text: str) -> tuple[int, str]:
    """`NUMBER:HASH` as `audit_head` prints it; raises ArgumentTypeError."""
    number, _, noted = text.replace(" ", ":").partition(":")
    if not number.isdecimal() or len(noted) != 64:
        raise ArgumentTypeError(f"{text!r} is not NUMBER:HASH, such as audit head prints")
    return int(number), noted


class Command(BaseCommand):
    """Seal what waits, walk the whole chain, and say what is wrong with it: exit status 0 if nothing is, else 1."""

    help = "Check the chain of audit records; exit status 1 when it was tampered with."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Hashes that were noted elsewhere."""
        parser.add_argument(
            "--expect",
            action="append",
            type=anchor,
            default=[],
            metavar="NUMBER:HASH",
            help="a head that was printed or logged earlier and must still be in the chain; may be given often",
        )

    def handle(self, *args: Any, expect: list[tuple[int, str]], **options: Any) -> None:
        """Print each finding, or that all is well."""
        seal()
        verification = Verification(anchors=dict(expect))
        findings = verification.findings()
        found = list(islice(findings, MOST_FINDINGS))
        for finding in found:
            self.stdout.write(f"TAMPERED {finding}")
        if len(found) == MOST_FINDINGS:
            self.stdout.write(f"There may be more: looking ended after {MOST_FINDINGS} findings.")
        if found:
            raise SystemExit(1)
        self.stdout.write(
            f"{verification.count} records are intact. Head: {verification.last}:{verification.last_hash}"
        )
