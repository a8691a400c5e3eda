"""`python -m django verify_audit`: behind `./retinote audit verify`."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.audit import head_note, model_changes
from webapp.audit.objects import Comparison
from webapp.audit.sealing import seal
from webapp.audit.verification import Verification, refused_lines

MOST_FINDINGS = 100
PROGRESS_EVERY = 10_000
"""Documents between two lines of progress; a multiple of `objects.CHUNK`."""


def anchor(text: str) -> tuple[int, str]:
    """Read `NUMBER:HASH`, as `audit_head` prints it; raises ArgumentTypeError."""
    number, _, noted = text.replace(" ", ":").partition(":")
    if not (number.isascii() and number.isdecimal()) or len(noted) != 64:
        raise ArgumentTypeError(f"{text!r} is not NUMBER:HASH, such as audit head prints")
    return int(number), noted


class Command(BaseCommand):
    """Seal what waits, walk the whole chain, and print what is wrong. The exit status is 0 if nothing is, else 1."""

    help = "Check the chain of audit records; exit status 1 when it was tampered with."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Heads that were noted elsewhere, and whether to compare documents."""
        parser.add_argument(
            "--expect",
            action="append",
            type=anchor,
            default=[],
            metavar="NUMBER:HASH",
            help="a head that was printed or logged earlier and must still be in the chain; may be given several times",
        )

        parser.add_argument(
            "--objects",
            action="store_true",
            help="compare today's documents, too, with what was last recorded of them: scans, predictions, drawings, "
            "verdicts, adjudications, users, service keys, local calibrations and data sets",
        )

    def handle(
        self, *args: Any, expect: list[tuple[int, str]], objects: bool = False, **options: Any
    ) -> None:
        """Print each finding, or that all is well."""
        seal()
        anchors = dict(expect)
        number, hash = self._noted_head()
        verification = Verification({number: hash} | anchors if number else anchors)
        is_sound = self._print_findings("TAMPERED", verification.findings())
        # Whoever has noted a head has seen the lines that were refused before it.
        lines = refused_lines(after=max(anchors, default=0))
        is_sound &= self._print_findings("REFUSED", chain(filter(None, [model_changes.fault()]), lines))
        if number and anchors.get(number, hash) != hash:
            is_sound = self._print_findings(
                "TAMPERED", [f"the head in the data folder: record {number} is {hash} there"]
            )
        comparison = Comparison(self._progress) if objects else None
        if comparison:
            is_sound &= self._print_findings("DIFFERENT", comparison.differences())
        if not is_sound:
            raise SystemExit(1)
        self.stdout.write(
            f"{verification.count} records are intact. Head: {verification.last}:{verification.last_hash}"
        )

        if comparison:
            self.stdout.write(
                f"{comparison.compared} documents are as recorded; {comparison.incomparable} were recorded by an "
                f"earlier version and can't be compared, {comparison.unrecorded} are older than the first record."
            )

    def _progress(self, kind: str, done: int, total: int) -> None:
        """Print the progress on standard error, apart from the findings."""
        if done == total or done % PROGRESS_EVERY == 0:
            self.stderr.write(f"{kind}: {done:,} of {total:,}")

    def _noted_head(self) -> tuple[int, str]:
        """The head in the note of the data folder; number 0 without a note."""
        try:
            noted = head_note.noted()
        except ValueError as error:
            raise CommandError(f"The note of the chain's head can't be used: {error}.") from error
        return noted or (0, "")

    def _print_findings(self, word: str, findings: Iterable[object]) -> bool:
        """Print up to MOST_FINDINGS findings, each after the word; returns whether there were none."""
        found = list(islice(findings, MOST_FINDINGS))
        for finding in found:
            self.stdout.write(f"{word} {finding}")
        if len(found) == MOST_FINDINGS:
            self.stdout.write(f"There may be more: looking ended after {MOST_FINDINGS} findings.")
        return not found
