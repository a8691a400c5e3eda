"""Labelled B-scans: read from folders or a manifest, and split by patient."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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


def split_scans(scans: Sequence[Scan], validation_share: float, seed: int) -> list[Scan]:
    """Give every scan its split, keeping the one it came with.

    Scans without one are divided so that no patient, and no two identical files, stand on both sides,
    and the labels keep their shares. Without patient ids each scan counts as its own patient.
    Raises DataError when a label ends up on one side only.
    """
    if all(scan.split for scan in scans):
        decided = list(scans)
    else:
        from sklearn.model_selection import StratifiedGroupKFold

        folds = StratifiedGroupKFold(
            n_splits=max(2, round(1 / validation_share)), shuffle=True, random_state=seed
        )
        labels = [scan.label for scan in scans]
        _, validation = next(iter(folds.split(labels, labels, patient_groups(scans))))
        chosen = set(validation.tolist())
        decided = [
            replace(scan, split="val" if index in chosen else "train") for index, scan in enumerate(scans)
        ]
    for split in ("train", "val"):
        lacking = {scan.label for scan in decided} - {scan.label for scan in decided if scan.split == split}
        if lacking:
            raise DataError(
                f"the {split} split has no scan of {', '.join(sorted(lacking))}; "
                "add scans, leave the label out with --labels, or choose another --seed"
            )
    return decided


def patient_groups(scans: Sequence[Scan]) -> list[int]:
    """A group number per scan: the same for one patient and for patients who share an identical file.

    Published OCT sets hold some patients under two ids; their scans must stay on one side of a split.
    """
    parents: dict[str, str] = {}

    def root(node: str) -> str:
        while parents.setdefault(node, node) != node:
            node = parents[node]
        return node

    nodes = []
    for scan in scans:
        node = f"patient {scan.patient}" if scan.patient else f"file {scan.path}"
        content = hashlib.sha256(scan.path.read_bytes()).hexdigest()
        parents[root(node)] = root(f"content {content}")
        nodes.append(node)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(node), len(numbers)) for node in nodes]


def shared_patients(scans: Iterable[Scan]) -> set[str]:
    """Patients with scans in more than one split."""
    seen = {(scan.patient, scan.split) for scan in scans if scan.patient}
    return {patient for patient, count in Counter(patient for patient, _ in seen).items() if count > 1}


def of_split(scans: Iterable[Scan], split: str) -> list[Scan]:
    """The scans of one split."""
    return [scan for scan in scans if scan.split == split]
