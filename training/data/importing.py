"""Makes manifest rows of a data set's files: each file is read, unreadable and repeated ones are left out."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.fingerprint import Fingerprint, fingerprints
from training.data.folders import LeftOut, is_utf8, printable
from training.data.listing import FoundScan, Listing
from training.data.manifest import COLUMNS, NOT_UTF8, DataError, Scan, composed, with_source
from training.data.split import patient_groups

Row = dict[str, str]
KEPT_FIRST = {"test": 0, "val": 1, "train": 2, "": 3}
"""Which of several identical scans is kept, by its split: published test sets stay whole."""


@dataclass(frozen=True)
class Imported:
    """Rows for a manifest, the files that were left out, and the ids of each patient that has several."""

    rows: list[Row]
    left_out: list[LeftOut]
    joined_patients: list[tuple[str, ...]]


def import_files(
    listing: Listing,
    manifest: Path,
    source: str,
    earlier: Sequence[Row] = (),
    keep_duplicates: bool = False,
) -> Imported:
    """Read and check every file, and make a row of each that can be used.

    `earlier` are the rows that the manifest holds already; a file that is listed again gets a new row. One of several
    identical scans (the same bytes, or the same pixels) is kept, and none if their labels contradict each other;
    `keep_duplicates` keeps all. Patients who share an identical scan are given one id. Raises DataError when nothing is
    left.
    """
    folder = manifest.parent
    named, unnamed = [], []
    for scan in listing.scans:
        if is_utf8(_file(scan.path, folder)):
            named.append(scan)
        else:
            unnamed.append(LeftOut(scan.path, NOT_UTF8))
    results = fingerprints([scan.path for scan in named])
    unreadable, new = [], []
    for scan, result in zip(named, results, strict=True):
        if isinstance(result, Fingerprint):
            new.append(_row(scan, result, folder, source))
        else:
            unreadable.append(LeftOut(scan.path, f"unreadable: {result}"))
    listed_again = {row["file"] for row in new}
    rows = with_hashes([row for row in earlier if row["file"] not in listed_again], folder) + new
    joined_patients = _join_patients(rows, folder)
    repeated = [] if keep_duplicates else _repeated(rows, folder)
    dropped = {entry.file for entry in repeated}
    kept = [row for row in rows if folder / row["file"] not in dropped]
    left_out = [*listing.left_out, *unnamed, *unreadable, *repeated]
    if not kept:
        first = left_out[0]
        raise DataError(
            f"no scan is left to use: {len(left_out)} left out, the first {printable(first.file)} ({first.reason})"
        )
    return Imported(kept, left_out, joined_patients)


def with_hashes(rows: Sequence[Row], folder: Path) -> list[Row]:
    """The rows with all columns, and with size and hashes where they were missing; `folder` is the manifest's.

    Raises DataError naming the first file that can't be read.
    """
    lacking = [
        index for index, row in enumerate(rows) if not (row.get("sha256") and row.get("pixels_sha256"))
    ]
    completed = [dict.fromkeys(COLUMNS, "") | row for row in rows]
    results = fingerprints([folder / rows[index]["file"] for index in lacking])
    for index, result in zip(lacking, results, strict=True):
        if isinstance(result, str):
            raise DataError(f"{folder / rows[index]['file']} can't be read: {result}")
        completed[index] |= _measured(result)
    return completed


def as_scan(row: Mapping[str, str], folder: Path) -> Scan:
    """A row of this module as a scan; unlike `read_manifest`, it checks nothing."""
    return Scan(
        path=folder / row["file"],
        label=row["label"],
        patient=row["patient_id"],
        source=row["source"],
        split=row["split"],
        sha256=row["sha256"],
        pixels_sha256=row["pixels_sha256"],
        perceptual_hash=row["perceptual_hash"],
    )


def _file(path: Path, folder: Path) -> str:
    """A file's path as the manifest in `folder` lists it."""
    return Path(os.path.relpath(path, folder)).as_posix()


def _row(scan: FoundScan, measured: Fingerprint, folder: Path, source: str) -> Row:
    source = scan.source or source
    return {
        **scan.further,
        "file": _file(scan.path, folder),
        "mask": _file(scan.mask, folder) if scan.mask else "",
        "source": composed(source),
        "label": composed(scan.label),
        "native_label": composed(scan.native_label),
        "subcategory": scan.subcategory,
        "condition": scan.condition,
        "patient_id": composed(with_source(scan.patient, source)),
        "eye": scan.eye,
        "split": scan.split,
        **_measured(measured),
    }


def _measured(measured: Fingerprint) -> Row:
    return {
        "width": str(measured.width),
        "height": str(measured.height),
        "sha256": measured.sha256,
        "pixels_sha256": measured.pixels_sha256,
        "perceptual_hash": measured.perceptual_hash,
    }


def _join_patients(rows: Iterable[Row], folder: Path) -> list[tuple[str, ...]]:
    """Give patients who share an identical scan the first of their ids; returns the ids that were joined.

    Otherwise the link between them would be lost with the scan that is left out.
    """
    known = [row for row in rows if row["patient_id"]]
    members: dict[int, set[str]] = defaultdict(set)
    groups = patient_groups([as_scan(row, folder) for row in known])
    for row, group in zip(known, groups, strict=True):
        members[group].add(row["patient_id"])
    for row, group in zip(known, groups, strict=True):
        row["patient_id"] = min(members[group])
    return sorted(tuple(sorted(ids)) for ids in members.values() if len(ids) > 1)


def _repeated(rows: Iterable[Row], folder: Path) -> list[LeftOut]:
    """All but one of each set of identical scans; all of them when their labels differ."""
    same_pixels: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        same_pixels[row["pixels_sha256"]].append(row)
    repeated = []
    for same in same_pixels.values():
        if len(same) == 1:
            continue
        first, *others = sorted(
            same, key=lambda row: (not row["patient_id"], KEPT_FIRST[row["split"]], row["file"])
        )
        labels = sorted({row["label"] for row in same})
        if len(labels) > 1:
            reason = f"identical scans with contradicting labels: {', '.join(labels)}"
            repeated += [
                LeftOut(
                    folder / row["file"], reason, like=folder / (others[0] if row is first else first)["file"]
                )
                for row in same
            ]
        else:
            repeated += [
                LeftOut(folder / row["file"], "identical to another scan", like=folder / first["file"])
                for row in others
            ]
    return repeated
