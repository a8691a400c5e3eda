"""Reads the scans of a training: from manifests, or from folders for each split and label, several of them joined."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from training.data.folders import (
    LeftOut,
    image_files,
    is_utf8,
    label_folders,
    not_taken,
    printable,
    split_folders,
)
from training.data.frozen import is_frozen, load
from training.data.manifest import (
    MANIFEST_NAME,
    NOT_UTF8,
    DataError,
    Scan,
    check_label,
    composed,
    read_manifest,
)

logger = logging.getLogger(__name__)


def read_scans(data: Path, labels: Sequence[str] = ()) -> list[Scan]:
    """Read a manifest, or a folder that holds `manifest.csv` or `train|val|test/LABEL/` folders.

    A frozen data set (training/data/frozen.py) is compared with the hashes that it was frozen with.

    Only scans with one of `labels` are kept, all if it is empty. Raises DataError when the folder is laid out
    otherwise, a row is wrong, a listed file is missing, or fewer than two labels are left.
    """
    return read_all([data], labels)


def read_all(paths: Sequence[Path], labels: Sequence[str] = (), least_labels: int = 2) -> list[Scan]:
    """Read several manifests or folders, as `read_scans` does, and join them.

    Also raises DataError when two of them list the same file, or when fewer than `least_labels` labels are left.
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


def _read_one(data: Path) -> list[Scan]:
    if is_frozen(data):
        return load(data).scans
    if data.is_file():
        return _read_whole_manifest(data)
    if not data.is_dir():
        raise DataError(f"{data} is no folder and no manifest; name what holds the scans")
    if (data / MANIFEST_NAME).is_file():
        return _read_whole_manifest(data / MANIFEST_NAME)
    if any(split == "train" for split, _ in split_folders(data)):
        return _read_folders(data)
    raise DataError(f"{data} holds neither {MANIFEST_NAME} nor a train/ folder with a folder per label")


def _read_whole_manifest(manifest: Path) -> list[Scan]:
    """The scans of a manifest; raises DataError when only some of them have a split."""
    scans = read_manifest(manifest)
    undecided = [line for line, scan in enumerate(scans, start=2) if not scan.split]
    if 0 < len(undecided) < len(scans):
        raise DataError(
            f"{manifest} names a split for some scans only, and none in line {undecided[0]}; "
            "name it for all or for none, or run `./retinote data split`"
        )
    return scans


def _read_folders(data: Path) -> list[Scan]:
    """The scans in the label folders of each split; the log counts all other files, by the reason they are left out."""
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
            "warning: %s: left out %d, %s, the first %s",
            data,
            len(entries),
            reason,
            printable(entries[0].file),
        )
    return scans


def _refuse_unreadable(scans: Sequence[Scan]) -> None:
    """Raise DataError when a scan can't be read, or is no file (but a folder, or a broken link)."""
    bad = [scan.path for scan in scans if not (scan.path.is_file() and os.access(scan.path, os.R_OK))]
    if bad:
        raise DataError(f"{len(bad)} scan(s) are no files that can be read, the first is {bad[0]}")


def _why_not_taken(parts: tuple[str, ...]) -> str:
    if not is_utf8("/".join(parts)):
        return NOT_UTF8
    return "not in a folder of a label in one of a split: train, val or test"
