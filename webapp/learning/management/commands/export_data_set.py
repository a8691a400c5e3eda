"""`python -m django export_data_set`: behind `./retinote learn export`."""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser
from json import dumps
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.audit.recording import by_operator
from webapp.learning import exporting, summary
from webapp.learning.models import DataSet
from webapp.learning.rules import EXPECTED_ERRORS, Rules


class Command(BaseCommand):
    """Freeze the scans whose label is settled as a data set, or list those that exist."""

    help = (
        "Freeze the scans that readers verified as a data set that train, evaluate and explain open as it is."
    )
    requires_system_checks = ()  # they load all of the web app, which takes longer than the work

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The rules by which it is made, and where a copy of it goes."""
        parser.add_argument("--model", help="whose scans (default: those of the model that answers)")
        parser.add_argument("--readers", type=int, help="how many independent readers have to agree")
        parser.add_argument(
            "--seen-weight", type=float, help="what a reading counts that was not blind, 0 to 1"
        )
        parser.add_argument("--with-text", action="store_true", help="take pictures that may hold text, too")
        parser.add_argument(
            "--any-label", action="store_true", help="take labels that the model doesn't know, too"
        )
        parser.add_argument("--out", type=Path, help="a folder to copy the data set to, which must be new")
        parser.add_argument(
            "--json", action="store_true", help="print number, sha256 and folder as JSON, and no more"
        )
        parser.add_argument("--list", action="store_true", help="list the data sets, newest first")

    def handle(
        self,
        *args: Any,
        model: str | None = None,
        readers: int | None = None,
        seen_weight: float | None = None,
        with_text: bool = False,
        any_label: bool = False,
        out: Path | None = None,
        json: bool = False,
        list: bool = False,
        **options: Any,
    ) -> None:
        """Export, with an audit record of who did it, or list."""
        if list:
            self._list()
            return
        if out is not None and out.exists():
            raise CommandError(f"{out} exists already. Name a folder that is new; nothing was exported.")
        try:
            with by_operator():
                made = exporting.export(Rules.given(model, readers, seen_weight, with_text, any_label))
        except EXPECTED_ERRORS as error:
            raise CommandError(str(error)) from error
        folder = exporting.folder_of(made)
        if out is not None:
            _copy(folder, out)
        if json:
            facts = {"number": made.number, "sha256": made.sha256, "folder": str(out or folder)}
            self.stdout.write(dumps(facts))
            return
        for line in summary.lines(made):
            self.stdout.write(line)
        self.stdout.write(f"It lies in {out or folder}: ./retinote train --data {out or folder}")

    def _list(self) -> None:
        found = DataSet.objects.all()
        for made in found:
            self.stdout.write(
                f"{made.number}  {made.model_name}  {made.made_at:%Y-%m-%d %H:%M}  {made.counts['scans']} scans  "
                f"sha256 {made.sha256}"
            )
        if not found:
            self.stdout.write("There is no data set yet: ./retinote learn export makes one.")


def _copy(folder: Path, out: Path) -> None:
    """Copy a data set as a whole or not at all. Raises CommandError; the data set itself stays."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            shutil.copytree(folder, partial / out.name)
            (partial / out.name).rename(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (OSError, shutil.Error) as error:
        raise CommandError(
            f"The data set lies in {folder}, but it can't be copied to {out}: {error}. Copy that folder."
        ) from error
