"""How far exports have come that somebody asked for and the worker makes."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from kombu.exceptions import OperationalError

from webapp.accounts.models import User
from webapp.audit.recording import acting
from webapp.core import clock
from webapp.learning import exporting, summary, writing
from webapp.learning.rules import EXPECTED_ERRORS, ExportFailed, Rules
from webapp.learning.settled import gather

log = logging.getLogger(__name__)
LAST_NAME = "last-export.json"


@dataclass(frozen=True)
class Last:
    """What came of the export that ended last: the number of its data set, or why there is none."""

    at: str
    number: int | None
    said: str


def ask(rules: Rules, by: User) -> None:
    """Have the worker make a data set for the user.

    Raises ExportRefused where there is nothing to learn from, and ExportFailed while another export is under way or the
    worker's queue can't be reached.
    """
    from webapp.learning.tasks import export

    gather(rules).check()
    if exporting.is_under_way():
        raise ExportFailed("Another export is under way. Wait until it is done, then look at its data set.")
    try:
        export.delay(rules.to_dict(), str(by.pk))
    except OperationalError as error:
        raise ExportFailed("The worker's queue can't be reached. Nothing was exported; try again.") from error


def export_and_note(rules: Rules, by: User | None) -> str:
    """Make a data set and note what came of it, for the page on which somebody waits; returns that, too."""
    number = None
    try:
        made = exporting.export(rules, by)
        number, said = made.number, " ".join(summary.lines(made))
    except EXPECTED_ERRORS as error:
        said = str(error)
        log.warning("no data set was made: %s", said)
    try:
        folder = settings.LEARNING_DIR
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        writing.write_json(
            folder / LAST_NAME, asdict(Last(clock.now().isoformat(timespec="seconds"), number, said))
        )
    except OSError:
        log.exception("what came of the export by %s can't be noted", acting())
    return said


def last() -> Last | None:
    """What came of the export that ended last, on this volume; None before the first."""
    try:
        noted: dict[str, Any] = json.loads((settings.LEARNING_DIR / LAST_NAME).read_text(encoding="utf-8"))
        return Last(**noted)
    except (OSError, ValueError, TypeError):
        return None
