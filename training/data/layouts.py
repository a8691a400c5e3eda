"""Finds the scans of a public data set in the folders its publisher ships. layouts.toml describes those."""

from __future__ import annotations

import csv
import os
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

from handlers.checks import STRICT, read_values
from training.data.folders import (
    IMAGE_SUFFIXES,
    LeftOut,
    image_files,
    label_folders,
    not_taken,
    split_folders,
    split_of,
    written,
)
from training.data.manifest import COLUMNS, MANIFEST_NAME, DataError, check_label, composed, read_rows

LAYOUTS = Path(__file__).with_name("layouts.toml")
DEPTH = 2
"""Folders looked into below the one that was named: archives unpack to a folder in a folder."""
REQUIRED_IN_TABLE = ("file", "native_label", "patient_id")
FOLDERS_SHOWN = 8


@checked_dataclass(frozen=True, config=STRICT)
class Layout:
    """How one data set is laid out; layouts.toml says what the fields mean."""

    title: str
    expected: str
    classes: tuple[str, ...] = ()
    labels: tuple[dict[str, str], ...] = ()
    patient: str = ""
    table: str = ""
    columns: dict[str, str] = field(default_factory=dict)

    def label(self, native_label: str, subcategory: str = "", condition: str = "") -> str:
        """Our label for what the publisher says; the class itself where no rule fits."""
        said = {"native_label": native_label, "subcategory": subcategory, "condition": condition}
        for rule in self.labels:
            if all(rule[key].lower() == said[key].lower() for key in rule if key != "label"):
                return rule["label"]
        return native_label


@dataclass(frozen=True)
class Found:
    """One file of a data set with what folders, name and table say about it; nothing has been read yet."""

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
    """Columns that only a manifest that came with the data has."""


@dataclass(frozen=True)
class Listing:
    """The files of a data set: those to read, those left out, and sentences on what looks odd."""

    found: list[Found]
    left_out: list[LeftOut]
    oddities: list[str]


def layouts() -> dict[str, Layout]:
    """The known data sets by their names."""
    return read_values(
        TypeAdapter(dict[str, Layout]), tomllib.loads(LAYOUTS.read_text(encoding="utf-8")), LAYOUTS.name
    )


def list_files(layout: Layout, path: Path, own: Collection[Path] = ()) -> Listing:
    """Find the files of a data set below `path`: every one is found or left out, but for `own`, which are ours.

    Raises DataError, saying what was expected and what is there, when nothing fits the layout.
    """
    if not path.is_dir():
        raise DataError(f"{path} is no folder; name the one that {layout.title} was unpacked to")
    root = _root(layout, path)
    sides = [(split, side) for split, side in split_folders(root) if _classes(layout, side)] or [("", root)]
    listing = Listing([], [], [])
    table = _read_table(layout, root) if layout.table else None
    given = {} if layout.classes else _read_given(root)
    masks = {root / row["mask"] for row in given.values() if row.get("mask")}
    for split, side in sides:
        _note_odd_folders(layout, side, listing)
        for folder in _classes(layout, side):
            _list_class(layout, folder, split, table, listing)
    listing.found[:] = [
        _as_given(found, given.pop(os.path.relpath(found.path, root), {}), root)
        for found in listing.found
        if found.path not in masks
    ]
    listing.left_out.extend(
        LeftOut(root / file, f"{MANIFEST_NAME} lists it, but there is no such file")
        for file in given
        if not (root / file).is_file()
    )
    if table:
        listing.left_out.extend(
            LeftOut(root / name, f"{layout.table} lists it, but there is no such file")
            for name in sorted(table)
        )
    known = {entry.file for entry in listing.left_out} | {found.path for found in listing.found}
    ours = masks | {place / layout.table for place in (root, root.parent) if layout.table}
    classes = {folder for _, side in sides for folder in _classes(layout, side)}
    why = _Why(layout, path, root, [side for _, side in sides], classes)
    listing.left_out.extend(not_taken(path, known | ours | set(own), why))
    without = [found.path for found in listing.found if not found.patient]
    if without and (layout.patient or layout.table):
        listing.oddities.append(f"{len(without)} file(s) tell no patient, the first {without[0]}")
    if not listing.found:
        raise DataError(f"{root} has no image in its class folders; expected {layout.expected}")
    return listing


@dataclass(frozen=True)
class _Why:
    """Says why an image that lies below the folder that was named is not taken."""

    layout: Layout
    path: Path
    root: Path
    sides: Sequence[Path]
    classes: Collection[Path]

    def __call__(self, parts: tuple[str, ...]) -> str:
        file = self.path.joinpath(*parts)
        if self.root not in file.parents:
            return f"outside of {written(self.root)}, where {self.layout.title} was found"
        side = next((side for side in self.sides if side in file.parents), None)
        inside = file.relative_to(side or self.root).parts[:-1]
        if not inside:
            return "in no label folder"
        folder = written(Path(inside[0]))
        if side is None:
            names = ", ".join(written(Path(known.name)) for known in self.sides)
            return f"{folder} is none of the splits that were found: {names}"
        if not self.layout.classes and split_of(inside[0]):
            return f"{folder} is named as a split, and holds no label folders"
        if side / inside[0] not in self.classes:
            return f"{folder} is no class of {self.layout.title}"
        return f"in a folder below that of the label {folder}"


def _root(layout: Layout, path: Path) -> Path:
    """The folder that holds the classes or splits: the named one, or the one below it with most known classes."""
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
    """The class folders of one side; where the layout names no classes, all but those named like splits."""
    folders = label_folders(side)
    if layout.classes:
        return [folder for folder in folders if folder.name.upper() in layout.classes]
    return [folder for folder in folders if not split_of(folder.name)]


def _note_odd_folders(layout: Layout, side: Path, listing: Listing) -> None:
    if not layout.classes:
        return
    known = _classes(layout, side)
    present = {folder.name.upper() for folder in known}
    missing = [name for name in layout.classes if name not in present]
    if missing:
        listing.oddities.append(f"{side} has no folder {', '.join(missing)}")


def _list_class(
    layout: Layout, folder: Path, split: str, table: dict[str, dict[str, str]] | None, listing: Listing
) -> None:
    """Add the files of one class folder; entries of the table that were found are taken out of it."""
    native = folder.name.upper() if layout.classes else folder.name
    check_label(native, str(folder))
    files = image_files(folder)
    if not files:
        listing.oddities.append(f"{folder} is empty: {native} gets no scan from it")
    for path in files:
        said = {"native_label": native, "patient_id": _patient(layout, path)}
        if table is not None:
            row = table.pop(composed(path.stem), None)
            if row is None:
                listing.left_out.append(LeftOut(path, f"{layout.table} doesn't list it"))
                continue
            if row["native_label"].upper() != native:
                reason = f"lies in {native}/, but {layout.table} says {row['native_label']}"
                listing.left_out.append(LeftOut(path, reason))
                continue
            said |= row
        subcategory, condition = said.get("subcategory", ""), said.get("condition", "")
        listing.found.append(
            Found(
                path=path,
                native_label=native,
                label=layout.label(native, subcategory, condition),
                split=split,
                patient=said["patient_id"],
                eye=said.get("eye", ""),
                subcategory=subcategory,
                condition=condition,
            )
        )


def _read_given(root: Path) -> dict[str, dict[str, str]]:
    """The rows of a manifest that came with the folder, by file from there: the web app's exports have one."""
    manifest = root / MANIFEST_NAME
    rows = read_rows(manifest)[1] if manifest.is_file() else []
    return {os.path.relpath(root / row["file"], root): row for row in rows}


def _as_given(found: Found, row: Mapping[str, str], root: Path) -> Found:
    """A file of one's own folders with what their manifest says of it."""
    if not row:
        return found
    check_label(row["label"], written(found.path))
    mask = row.get("mask", "")
    return Found(
        path=found.path,
        native_label=row.get("native_label") or found.native_label,
        label=row["label"],
        split=found.split or row.get("split", ""),
        patient=row.get("patient_id") or found.patient,
        eye=row.get("eye", ""),
        subcategory=row.get("subcategory", ""),
        condition=row.get("condition", ""),
        source=row.get("source", ""),
        mask=root / mask if mask else None,
        further={name: value for name, value in row.items() if name not in COLUMNS},
    )


def _patient(layout: Layout, path: Path) -> str:
    fits = re.search(layout.patient, composed(path.stem)) if layout.patient else None
    return fits["patient"] if fits else ""


def _read_table(layout: Layout, root: Path) -> dict[str, dict[str, str]]:
    """The publisher's table by file name without ending, its columns named as ours."""
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
            said = [
                {key: (row.get(column) or "").strip() for key, column in layout.columns.items()}
                for row in rows
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} is not a CSV table in UTF-8: {error}") from error
    return {_stem(row["file"]): row for row in said}


def _stem(name: str) -> str:
    """A file's name without folder and image ending; the tables of different releases have or lack both."""
    path = Path(composed(name))
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
