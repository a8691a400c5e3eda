"""Lists the files of a public data set, as its publisher lays them out: which are scans, and which are left out."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.data.folders import (
    IMAGE_SUFFIXES,
    LeftOut,
    image_files,
    label_folders,
    not_taken,
    printable,
    split_folders,
    split_of,
)
from training.data.layouts import Layout
from training.data.manifest import COLUMNS, MANIFEST_NAME, DataError, check_label, composed, read_rows

DEPTH = 2
"""How many levels below the named folder are searched: archives unpack to a folder in a folder."""
REQUIRED_IN_TABLE = ("file", "native_label", "patient_id")
FOLDERS_SHOWN = 8
"""How many names an error lists of a folder that is laid out otherwise."""


@dataclass(frozen=True)
class FoundScan:
    """One file of a data set, with what its folders, its name and the publisher's table say; it is not read yet."""

    path: Path
    native_label: str
    label: str
    split: str = ""
    patient: str = ""
    eye: str = ""
    subcategory: str = ""
    condition: str = ""
    source: str = ""
    mask: Path | None = None
    further: Mapping[str, str] = field(default_factory=dict)
    """Other columns of a manifest that came with the data."""


@dataclass(frozen=True)
class Listing:
    """The files of a data set: those to read, those left out, and warnings for people."""

    scans: list[FoundScan]
    left_out: list[LeftOut]
    warnings: list[str]


def list_files(layout: Layout, path: Path, own: Collection[Path] = ()) -> Listing:
    """List the files of a data set below `path`: each is a scan or left out, except our own files (`own`).

    Raises DataError, with what was expected and what is there, when the folder is laid out otherwise.
    """
    if not path.is_dir():
        raise DataError(f"{path} is no folder; name the one that {layout.title} was unpacked to")
    root = _root(layout, path)
    sides = [(split, side) for split, side in split_folders(root) if _classes(layout, side)] or [("", root)]
    listing = Listing([], [], [])
    table = _read_table(layout, root) if layout.table else None
    shipped = {} if layout.classes else _read_shipped_manifest(root)
    masks = {root / row["mask"] for row in shipped.values() if row.get("mask")}
    for split, side in sides:
        _warn_of_missing_folders(layout, side, listing)
        for folder in _classes(layout, side):
            _list_class(layout, folder, split, table, listing)
    if layout.patient:
        _warn_of_kept_patients({root / file: row for file, row in shipped.items()}, listing)
    listing.scans[:] = [
        _with_row(scan, shipped.pop(os.path.relpath(scan.path, root), {}), root)
        for scan in listing.scans
        if scan.path not in masks
    ]
    listing.left_out.extend(
        LeftOut(root / file, f"{MANIFEST_NAME} lists it, but there is no such file")
        for file in shipped
        if not (root / file).is_file()
    )
    if table:
        listing.left_out.extend(
            LeftOut(root / name, f"{layout.table} lists it, but there is no such file")
            for name in sorted(table)
        )
    known = {entry.file for entry in listing.left_out} | {scan.path for scan in listing.scans}
    no_scans = masks | {place / layout.table for place in (root, root.parent) if layout.table}
    classes = {folder for _, side in sides for folder in _classes(layout, side)}
    reason = _Reason(layout, path, root, [side for _, side in sides], classes)
    listing.left_out.extend(not_taken(path, known | no_scans | set(own), reason))
    without = [scan.path for scan in listing.scans if not scan.patient]
    if without and (layout.patient or layout.table):
        listing.warnings.append(f"{len(without)} file(s) name no patient, the first {without[0]}")
    if not listing.scans:
        raise DataError(f"{root} has no image in its class folders; expected {layout.expected}")
    return listing


@dataclass(frozen=True)
class _Reason:
    """Gives the reason why an image below the named folder is left out; `sides` are the folders of the splits."""

    layout: Layout
    path: Path
    root: Path
    sides: Sequence[Path]
    classes: Collection[Path]

    def __call__(self, parts: tuple[str, ...]) -> str:
        file = self.path.joinpath(*parts)
        if self.root not in file.parents:
            return f"outside of {printable(self.root)}, where {self.layout.title} was found"
        side = next((side for side in self.sides if side in file.parents), None)
        inside = file.relative_to(side or self.root).parts[:-1]
        if not inside:
            return "in no label folder"
        folder = printable(Path(inside[0]))
        if side is None:
            names = ", ".join(printable(Path(known.name)) for known in self.sides)
            return f"{folder} is none of the splits that were found: {names}"
        if not self.layout.classes and split_of(inside[0]):
            return f"{folder} is named as a split, and holds no label folders"
        if side / inside[0] not in self.classes:
            return f"{folder} is no class of {self.layout.title}"
        return f"in a folder below that of the label {folder}"


def _root(layout: Layout, path: Path) -> Path:
    """The folder that holds the classes or splits: the named one, or the one below it with the most known classes."""
    level = [path]
    for _ in range(DEPTH + 1 if layout.classes else 1):
        fitting = {
            folder: len(
                {
                    known.name.upper()
                    for side in (folder, *(side for _, side in split_folders(folder)))
                    for known in _classes(layout, side)
                }
            )
            for folder in level
        }
        most = max(fitting.values(), default=0)
        best = [folder for folder, count in fitting.items() if count == most]
        if most and len(best) > 1:
            raise DataError(
                f"{path} holds {layout.title} {len(best)} times: {', '.join(map(str, best))}; name one of them"
            )
        if most:
            return best[0]
        level = [below for folder in level for below in label_folders(folder)]
    inside = [entry.name + "/" * entry.is_dir() for entry in sorted(path.iterdir())]
    shown = ", ".join(inside[:FOLDERS_SHOWN]) + (", ..." if len(inside) > FOLDERS_SHOWN else "")
    raise DataError(
        f"{path} isn't laid out as {layout.title}: expected {layout.expected}; found {shown or 'nothing'}"
    )


def _classes(layout: Layout, side: Path) -> list[Path]:
    """The class folders of one side; where the layout names no classes, all folders but those named like splits."""
    folders = label_folders(side)
    if layout.classes:
        return [folder for folder in folders if folder.name.upper() in layout.classes]
    return [folder for folder in folders if not split_of(folder.name)]


def _warn_of_missing_folders(layout: Layout, side: Path, listing: Listing) -> None:
    if not layout.classes:
        return
    known = _classes(layout, side)
    present = {folder.name.upper() for folder in known}
    missing = [name for name in layout.classes if name not in present]
    if missing:
        listing.warnings.append(f"{side} has no folder {', '.join(missing)}")


def _warn_of_kept_patients(rows: Mapping[Path, Mapping[str, str]], listing: Listing) -> None:
    """Name the files whose patient is still that of their row, as the pattern finds none in their name."""
    kept = [
        scan.path for scan in listing.scans if not scan.patient and rows.get(scan.path, {}).get("patient_id")
    ]
    if kept:
        listing.warnings.append(
            f"{len(kept)} file(s) have no patient in their name and keep that of {MANIFEST_NAME}, the first {kept[0]}"
        )


def _list_class(
    layout: Layout, folder: Path, split: str, table: dict[str, dict[str, str]] | None, listing: Listing
) -> None:
    """Add the files of one class folder to the listing, and remove their rows from the table."""
    native = folder.name.upper() if layout.classes else folder.name
    check_label(native, str(folder))
    files = image_files(folder)
    if not files:
        listing.warnings.append(f"{folder} is empty: {native} gets no scan from it")
    for path in files:
        facts = {"native_label": native, "patient_id": _patient(layout, path)}
        if table is not None:
            row = table.pop(composed(path.stem), None)
            if row is None:
                listing.left_out.append(LeftOut(path, f"{layout.table} doesn't list it"))
                continue
            if row["native_label"].upper() != native:
                reason = f"lies in {native}/, but {layout.table} says {row['native_label']}"
                listing.left_out.append(LeftOut(path, reason))
                continue
            facts |= {**row, "patient_id": facts["patient_id"] or row["patient_id"]}
        subcategory, condition = facts.get("subcategory", ""), facts.get("condition", "")
        listing.scans.append(
            FoundScan(
                path=path,
                native_label=native,
                label=layout.label(native, subcategory, condition),
                split=split,
                patient=facts["patient_id"],
                eye=facts.get("eye", ""),
                subcategory=subcategory,
                condition=condition,
            )
        )


def _read_shipped_manifest(root: Path) -> dict[str, dict[str, str]]:
    """The rows of a manifest that came with the folder, as in exports of the web app, by path from that folder."""
    manifest = root / MANIFEST_NAME
    rows = read_rows(manifest)[1] if manifest.is_file() else []
    return {os.path.relpath(root / row["file"], root): row for row in rows}


def _with_row(scan: FoundScan, row: Mapping[str, str], root: Path) -> FoundScan:
    """A scan with the values of its row in the manifest that came with the folder; as it is without a row.

    A patient in the file name counts more: a pattern was given for it, perhaps to correct what the manifest says.
    """
    if not row:
        return scan
    check_label(row["label"], printable(scan.path))
    mask = row.get("mask", "")
    return FoundScan(
        path=scan.path,
        native_label=row.get("native_label") or scan.native_label,
        label=row["label"],
        split=scan.split or row.get("split", ""),
        patient=scan.patient or row.get("patient_id", ""),
        eye=row.get("eye", ""),
        subcategory=row.get("subcategory", ""),
        condition=row.get("condition", ""),
        source=row.get("source", ""),
        mask=root / mask if mask else None,
        further={name: value for name, value in row.items() if name not in COLUMNS},
    )


def _patient(layout: Layout, path: Path) -> str:
    match = re.search(layout.patient, composed(path.stem)) if layout.patient else None
    return match["patient"] if match else ""


def _read_table(layout: Layout, root: Path) -> dict[str, dict[str, str]]:
    """The rows of the publisher's table by file name without its ending, with our names for the columns."""
    places = [folder / layout.table for folder in (root, root.parent)]
    table = next((place for place in places if place.is_file()), None)
    if table is None:
        raise DataError(f"{layout.table} is missing; expected {layout.expected}, with {root} as that folder")
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            present: Sequence[str] = rows.fieldnames or ()
            missing = [layout.columns[key] for key in REQUIRED_IN_TABLE if layout.columns[key] not in present]
            if missing:
                raise DataError(
                    f"{table} lacks the column {', '.join(missing)}; it has {', '.join(present) or 'none'}"
                )
            renamed = [
                {key: (row.get(column) or "").strip() for key, column in layout.columns.items()}
                for row in rows
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} is not a CSV table in UTF-8: {error}") from error
    return {_stem(row["file"]): row for row in renamed}


def _stem(name: str) -> str:
    """A file's name without its folder and image ending, which some releases of a table have and others lack."""
    path = Path(composed(name))
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
