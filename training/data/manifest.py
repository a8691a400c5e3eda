"""Labelled B-scans, read from a manifest or from folders."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
SPLITS = ("train", "val", "test")
MANIFEST_NAME = "manifest.csv"


class DataError(Exception):
    """The data can't be trained on; the message names the file or column and what to do."""


@dataclass(frozen=True)
class Scan:
    """One labelled B-scan on disk. `patient` is empty when unknown, `split` when not yet decided."""

    path: Path
    label: str
    patient: str = ""
    source: str = ""
    split: str = ""


def read_scans(data: Path, labels: Sequence[str] = ()) -> list[Scan]:
    """Read a data folder: `manifest.csv` with a row per scan, or `train|val|test/LABEL/` folders.

    `labels` keeps only those labels; empty keeps all. Raises DataError when the folder holds neither
    layout, a listed file is missing, or nothing is left.
    """
    if not data.is_dir():
        raise DataError(f"{data} is no folder; name the folder that holds the scans with --data")
    if (data / MANIFEST_NAME).is_file():
        scans = _read_manifest(data)
    elif (data / "train").is_dir():
        scans = _read_folders(data)
    else:
        raise DataError(f"{data} holds neither {MANIFEST_NAME} nor a train/ folder with a folder per label")
    unknown = set(labels) - {scan.label for scan in scans}
    if unknown:
        raise DataError(f"{data} has no scan with the label {', '.join(sorted(unknown))}")
    if labels:
        scans = [scan for scan in scans if scan.label in labels]
    if len({scan.label for scan in scans}) < 2:
        raise DataError(f"{data} has scans of fewer than two labels; there is nothing to tell apart")
    return scans


def _read_manifest(data: Path) -> list[Scan]:
    manifest = data / MANIFEST_NAME
    with manifest.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        missing = {"file", "label"} - set(rows.fieldnames or ())
        if missing:
            raise DataError(f"{manifest} lacks the column {', '.join(sorted(missing))}")
        scans = [
            Scan(
                path=data / row["file"],
                label=row["label"],
                patient=row.get("patient_id") or "",
                source=row.get("source") or "",
                split=row.get("split") or "",
            )
            for row in rows
        ]
    absent = [scan.path for scan in scans if not scan.path.is_file()]
    if absent:
        raise DataError(f"{manifest} lists {len(absent)} file(s) that are not there, the first {absent[0]}")
    wrong = sorted({scan.split for scan in scans} - {"", *SPLITS})
    if wrong:
        raise DataError(f"{manifest} names the split {wrong[0]!r}; use {', '.join(SPLITS)} or leave it empty")
    if len({scan.split == "" for scan in scans}) > 1:
        raise DataError(f"{manifest} names a split for some scans only; name it for all or for none")
    return scans


def _read_folders(data: Path) -> list[Scan]:
    return [
        Scan(path=path, label=folder.name, split=split)
        for split in SPLITS
        if (data / split).is_dir()
        for folder in sorted((data / split).iterdir())
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]


def of_split(scans: Iterable[Scan], split: str) -> list[Scan]:
    """The scans of one split."""
    return [scan for scan in scans if scan.split == split]
