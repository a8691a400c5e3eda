"""Text for tables and paths that other programs open. It can't become a formula, or lead to another folder."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable
from typing import Any, Protocol

FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")  # full-width signs begin formulas in some countries
"""How a formula may begin for spreadsheets, see https://owasp.org/www-community/attacks/CSV_Injection."""
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
MARK = "'"
UNFIT_FOR_PATHS = re.compile(r"[^\w .+()-]")


class Writable(Protocol):
    """A file or stream that takes text."""

    def write(self, text: str, /) -> object:
        """Write the text."""


class TableWriter:
    """Writes CSV whose cells are safe to open in a spreadsheet."""

    def __init__(self, file: Writable) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def write_row(self, values: Iterable[Any]) -> None:
        """Write a row of texts, numbers or None."""
        self._writer.writerow([safe_cell(value) for value in values])


def safe_cell(value: Any) -> Any:
    """The value. A text that a spreadsheet would compute gets a mark in front, which keeps it a text."""
    if not isinstance(value, str) or NUMBER.fullmatch(value):
        return value
    # A formula with a mark gets another mark, so that `plain_text` restores each text.
    return MARK + value if FORMULA.match(value.lstrip(MARK)) else value


def plain_text(cell: str) -> str:
    """The original text of a cell that `safe_cell` made."""
    return cell[1:] if cell.startswith(MARK) and FORMULA.match(cell.lstrip(MARK)) else cell


def path_part(text: str) -> str:
    """The text as the name of one file or folder. Unfit characters are replaced, and a hash keeps such names apart."""
    name = UNFIT_FOR_PATHS.sub("_", text).strip(" .")
    if name and name == text:
        return name
    return f"{name or '_'}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"
