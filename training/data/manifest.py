"""Manifests: tables with a row for each labelled B-scan, read and written."""

from __future__ import annotations

import csv
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from handlers.card import CardError, checked_label
from handlers.tables import TableWriter, plain_text
from training.data.folders import (
    SPLITS,
)

MANIFEST_NAME = "manifest.csv"
REQUIRED_COLUMNS = ("file", "label")
COLUMNS = (
    *("file", "mask", "source", "label", "native_label", "subcategory", "condition"),
    *("patient_id", "eye", "width", "height", "sha256", "pixels_sha256", "perceptual_hash", "split"),
)
"""The columns that `data import` writes; docs/data.md says what each holds. Only file and label are required."""
HEX_DIGITS = {"sha256": 64, "pixels_sha256": 64, "perceptual_hash": 64}
MANIFEST_MODE = 0o644
NOT_UTF8 = "its name is not UTF-8, in which manifests are written: rename it"


class DataError(Exception):
    """Data that can't be used; the message names the file, column or option, and says what to do."""


@dataclass(frozen=True)
class Scan:
    """One labelled B-scan on disk.

    - `patient` begins with the source, as two sources may use the same number; it is empty when unknown.
    - `split` is empty until it is decided.
    - `mask` is a picture of the lesions, where there is one.
    - The three hashes (hexadecimal; of the file, of its decoded pixels, perceptual) are empty where unknown.

    Label, patient and source are kept in Unicode's composed form, so that equal texts are equal however they are typed.
    """

    path: Path
    label: str
    patient: str = ""
    source: str = ""
    split: str = ""
    mask: Path | None = None
    sha256: str = ""
    pixels_sha256: str = ""
    perceptual_hash: str = ""

    def __post_init__(self) -> None:
        """Compose the texts by which scans are compared."""
        for name in ("label", "patient", "source"):
            object.__setattr__(self, name, composed(getattr(self, name)))


def composed(text: str) -> str:
    """A text in Unicode's composed form (NFC), in which texts are compared."""
    return unicodedata.normalize("NFC", text)


def read_manifest(manifest: Path) -> list[Scan]:
    """Every row of a manifest as a scan, in its order; some may have a split and others none.

    Raises DataError naming the line when a row is wrong, lists a file again, or lists one that isn't there.
    """
    _, rows = read_rows(manifest)
    first_lines: dict[str, int] = {}
    scans = []
    # Lines are counted by rows: file names and labels hold no line breaks.
    for line, row in enumerate(rows, start=2):
        scan = _scan(manifest, line, row)
        earlier = first_lines.setdefault(os.path.normpath(scan.path), line)
        if earlier != line:
            raise DataError(f"{manifest}, line {line} lists {row['file']} again, as line {earlier} does")
        scans.append(scan)
    absent = [
        f"line {line}: {path}"
        for line, scan in enumerate(scans, start=2)
        for path in (scan.path, scan.mask)
        if path is not None and not path.is_file()
    ]
    if absent:
        raise DataError(
            f"{manifest} lists {len(absent)} file(s) that are not there, the first in {absent[0]}"
        )
    return scans


def of_split(scans: Iterable[Scan], split: str) -> list[Scan]:
    """The scans of one split."""
    return [scan for scan in scans if scan.split == split]


def read_rows(manifest: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a manifest; the shape of the table is checked, its values and files are not.

    Raises DataError when the file is no such table, with the line when a row has too few or too many fields.
    """
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as lines:
            table = csv.reader(lines, strict=True)
            columns = next(table, [])
            missing = [name for name in REQUIRED_COLUMNS if name not in columns]
            if missing:
                raise DataError(f"{manifest} lacks the column {', '.join(missing)}")
            twice = sorted({name for name in columns if columns.count(name) > 1})
            if twice:
                raise DataError(f"{manifest} has the column {twice[0]} twice")
            rows = []
            for fields in table:
                if not fields:
                    raise DataError(f"{manifest}, line {table.line_num} is empty; remove it")
                if len(fields) != len(columns):
                    raise DataError(
                        f"{manifest}, line {table.line_num} has {len(fields)} fields, the header {len(columns)}"
                    )
                rows.append(dict(zip(columns, map(plain_text, fields), strict=True)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{manifest} is not a CSV table in UTF-8: {error}") from error
    if not rows:
        raise DataError(f"{manifest} lists no scan")
    return columns, rows


def write_manifest(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write a manifest as a whole or not at all: `COLUMNS` first, then the other columns of the rows.

    Raises DataError when the disk is full or the folder can't be written to; an earlier manifest is then kept.
    """
    extra = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    write_table(path, [*COLUMNS, *extra], rows)


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Write a CSV table as a whole or not at all. Raises DataError when it can't be written."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", newline="", encoding="utf-8", delete=False
        ) as lines:
            partial = Path(lines.name)
            try:
                writer = TableWriter(lines)
                writer.write_row(columns)
                for row in rows:
                    writer.write_row(row.get(name, "") for name in columns)
                lines.flush()
                os.fsync(lines.fileno())
                partial.chmod(MANIFEST_MODE)
                partial.replace(path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise DataError(
            f"{path} can't be written: {error.strerror}; what was there before is kept"
        ) from error


def _scan(manifest: Path, line: int, row: Mapping[str, str]) -> Scan:
    """One row as a scan; raises DataError naming line and column."""
    where = f"{manifest}, line {line}"
    for column in REQUIRED_COLUMNS:
        if not row[column].strip():
            raise DataError(f"{where}: the column {column} is empty")
    if row["label"] != row["label"].strip():
        raise DataError(f"{where}: the label {row['label']!r} has spaces around it; remove them")
    check_label(row["label"], where)
    split = row.get("split", "")
    if split not in ("", *SPLITS):
        raise DataError(f"{where} names the split {split!r}; use {', '.join(SPLITS)} or leave it empty")
    for column, digits in HEX_DIGITS.items():
        value = row.get(column, "")
        if value and not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
            raise DataError(f"{where}: the column {column} must hold {digits} hexadecimal digits or nothing")
    folder = manifest.parent
    source, mask = row.get("source", ""), row.get("mask", "")
    return Scan(
        path=folder / row["file"],
        label=row["label"],
        patient=with_source(row.get("patient_id", ""), source),
        source=source,
        split=split,
        mask=folder / mask if mask else None,
        sha256=row.get("sha256", ""),
        pixels_sha256=row.get("pixels_sha256", ""),
        perceptual_hash=row.get("perceptual_hash", ""),
    )


def with_source(patient: str, source: str) -> str:
    """A patient's id with the source before it, as two sources may use the same number."""
    return f"{source}:{patient}" if source and patient and ":" not in patient else patient


def check_label(label: str, where: str) -> None:
    """Raise DataError for a text that can't be a label; the message begins with `where`."""
    try:
        checked_label(label)
    except CardError as error:
        raise DataError(f"{where}: {error}") from error
