"""Labelled B-scans, read from manifests or from folders, and manifests written."""

from __future__ import annotations

import csv
import logging
import os
import re
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from handlers.card import CardError, checked_label
from handlers.tables import TableWriter, plain_text
from training.data.folders import (
    SPLITS,
    LeftOut,
    image_files,
    is_utf8,
    label_folders,
    not_taken,
    split_folders,
    written,
)

logger = logging.getLogger(__name__)

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
    """The data can't be trained on; the message names the file or column and what to do."""


@dataclass(frozen=True)
class Scan:
    """One labelled B-scan on disk.

    `patient` is empty when unknown, else it begins with the source: the same number means someone else elsewhere.
    `split` is empty when not yet decided. `mask` is a picture of the lesions, where there is one. The three hashes
    (hexadecimal; of the file, of its decoded pixels, and perceptual) are empty when the manifest doesn't hold them.
    Label, patient and source are kept in Unicode's composed form: the same letters can be written in several ways.
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
        """One form for the texts by which scans are told apart."""
        for name in ("label", "patient", "source"):
            object.__setattr__(self, name, composed(getattr(self, name)))


def composed(text: str) -> str:
    """A text in the form in which it is compared."""
    return unicodedata.normalize("NFC", text)


def read_scans(data: Path, labels: Sequence[str] = ()) -> list[Scan]:
    """Read a manifest, or a folder with `manifest.csv` or with `train|val|test/LABEL/` folders.

    `labels` keeps only those labels; empty keeps all. Raises DataError when there is neither layout, a row is wrong,
    a listed file is missing, or fewer than two labels are left.
    """
    return read_all([data], labels)


def read_all(paths: Sequence[Path], labels: Sequence[str] = (), least_labels: int = 2) -> list[Scan]:
    """Read several manifests or folders, as `read_scans` does, and join them.

    Raises DataError, too, when two of them list the same file. One label is enough to evaluate on.
    """
    labels = [composed(label) for label in labels]
    scans = join(paths, [_read_one(path) for path in paths])
    names = ", ".join(str(path) for path in paths)
    unknown = set(labels) - {scan.label for scan in scans}
    if unknown:
        raise DataError(f"{names} has no scan with the label {', '.join(sorted(unknown))}")
    if labels:
        scans = [scan for scan in scans if scan.label in labels]
    if len({scan.label for scan in scans}) < least_labels:
        raise DataError(f"{names} has scans of fewer than two labels; there is nothing to tell apart")
    _refuse_unreadable(scans)
    return scans


def _refuse_unreadable(scans: Sequence[Scan]) -> None:
    """Raise DataError when a scan is no file (but a folder, or a link that leads nowhere), or may not be read."""
    bad = [scan.path for scan in scans if not (scan.path.is_file() and os.access(scan.path, os.R_OK))]
    if bad:
        raise DataError(f"{len(bad)} scan(s) are no files that can be read, the first is {bad[0]}")


def join(paths: Sequence[Path], parts: Sequence[Sequence[Scan]]) -> list[Scan]:
    """The scans read from several places as one list; raises DataError when two of them list the same file."""
    scans = [scan for part in parts for scan in part]
    seen: set[str] = set()
    for scan in scans:
        place = os.path.abspath(scan.path)
        if place in seen:
            names = ", ".join(str(path) for path in paths)
            raise DataError(f"{scan.path} is listed twice in {names}; name each scan once")
        seen.add(place)
    return scans


def read_manifest(manifest: Path) -> list[Scan]:
    """Every row of a manifest as a scan, in its order; some may have a split and others none.

    Raises DataError naming the line when a row is wrong, lists a file again, or lists one that isn't there.
    """
    _, rows = read_rows(manifest)
    first_lines: dict[str, int] = {}
    scans = []
    # A quoted line break would shift the count, but file names and labels hold none.
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
    """The columns and rows of a manifest as they stand, with the shape of the table checked, its files not.

    Raises DataError naming the line when a row has too few or too many fields, or when the file is no such table.
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
    """Write a manifest whole or not at all: `COLUMNS` first, then whatever else the rows hold.

    Raises DataError when the disk is full or the folder can't be written to; what stood there before then stays.
    """
    extra = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    write_table(path, [*COLUMNS, *extra], rows)


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Write a CSV table whole or not at all; raises DataError, as `write_manifest` does."""
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


def _read_one(data: Path) -> list[Scan]:
    if data.is_file():
        return _read_to_train(data)
    if not data.is_dir():
        raise DataError(f"{data} is no folder and no manifest; name what holds the scans")
    if (data / MANIFEST_NAME).is_file():
        return _read_to_train(data / MANIFEST_NAME)
    if any(split == "train" for split, _ in split_folders(data)):
        return _read_folders(data)
    raise DataError(f"{data} holds neither {MANIFEST_NAME} nor a train/ folder with a folder per label")


def _read_to_train(manifest: Path) -> list[Scan]:
    scans = read_manifest(manifest)
    undecided = [line for line, scan in enumerate(scans, start=2) if not scan.split]
    if 0 < len(undecided) < len(scans):
        raise DataError(
            f"{manifest} names a split for some scans only, and none in line {undecided[0]}; "
            "name it for all or for none, or run `./retinote data split`"
        )
    return scans


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


def _read_folders(data: Path) -> list[Scan]:
    """The scans of split and label folders; what lies elsewhere is counted in the log, by its reason."""
    scans = []
    for split, side in split_folders(data):
        for folder in label_folders(side):
            files = [path for path in image_files(folder) if is_utf8(str(path.relative_to(data)))]
            if not files:
                raise DataError(f"{folder} holds no image; add some, or remove the folder")
            check_label(folder.name, str(folder))
            scans += [Scan(path=path, label=folder.name, split=split) for path in files]
    reasons: dict[str, list[LeftOut]] = defaultdict(list)
    for entry in not_taken(data, {scan.path for scan in scans}, _why_not_taken):
        reasons[entry.reason].append(entry)
    for reason, entries in reasons.items():
        logger.warning(
            "warning: %s: left out %d, %s, the first %s", data, len(entries), reason, written(entries[0].file)
        )
    return scans


def _why_not_taken(parts: tuple[str, ...]) -> str:
    if not is_utf8("/".join(parts)):
        return NOT_UTF8
    return "not in a folder of a label in one of a split: train, val or test"


def with_source(patient: str, source: str) -> str:
    """A patient's id with the source before it: the same number elsewhere is someone else."""
    return f"{source}:{patient}" if source and patient and ":" not in patient else patient


def check_label(label: str, where: str) -> None:
    """Raises DataError, which begins with where the label stands, for what can't be one."""
    try:
        checked_label(label)
    except CardError as error:
        raise DataError(f"{where}: {error}") from error
