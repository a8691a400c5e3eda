"""Text for tables and paths that other programs open: nothing in it becomes a formula or leads to another folder."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable
from typing import Any, Protocol

FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")  # full-width signs begin formulas in some countries
"""What spreadsheets take for the beginning of a formula, see https://owasp.org/www-community/attacks/CSV_Injection."""
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
MARK = "'"
UNFIT_FOR_PATHS = re.compile(r"[^\w .+()-]")


class Writable(Protocol):
    """What text can be written to."""

    def write(self, text: str, /) -> object:
        """Write the text."""


class TableWriter:
    """Writes CSV, every cell safe to be opened in a spreadsheet."""

    def __init__(self, file: Writable) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def write_row(self, values: Iterable[Any]) -> None:
        """Write a row of texts, numbers or None."""
        self._writer.writerow([safe_cell(value) for value in values])


def safe_cell(value: Any) -> Any:
    """The value; a text that a spreadsheet would compute comes with a mark before it, which makes it a text."""
    if not isinstance(value, str) or NUMBER.fullmatch(value):
        return value
    # What begins with a mark before a formula gets another, so that `plain_text` gives each back as it was.
    return MARK + value if FORMULA.match(value.lstrip(MARK)) else value


def plain_text(cell: str) -> str:
    """The text that `safe_cell` was given, read back from a table."""
    return cell[1:] if cell.startswith(MARK) and FORMULA.match(cell.lstrip(MARK)) else cell


def path_part(text: str) -> str:
    """The text as the name of one folder or file below another; what can't be one is replaced, and told apart."""
    name = UNFIT_FOR_PATHS.sub("_", text).strip(" .")
    if name and name == text:
        return name
    return f"{name or '_'}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"
