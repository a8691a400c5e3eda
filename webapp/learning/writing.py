"""Writes the files of a data set: pictures, masks of what readers drew, the manifest, and what it says of itself."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bson import ObjectId

from handlers.tables import TableWriter, plain_text
from imaging.decoding import decode
from imaging.errors import ImageError
from imaging.fingerprint import perceptual_hash, pixels_sha256
from webapp.annotations.models import Annotation
from webapp.audit.hashing import canonical_sha256
from webapp.exports import burnt_in
from webapp.learning.settled import AT_ONCE, NO_PICTURE, TEXT, Gathered, Settled
from webapp.learning.sides import Picture
from webapp.scans import room, storage

SOURCE = "retinote"
"""What manifests name as the origin of this installation's scans, as in all exports."""
MANIFEST_NAME, ABOUT_NAME, TEST_SET_NAME = "manifest.csv", "data-set.json", "test-set.json"
IMAGES, MASKS = "images", "masks"
COLUMNS = (
    *("file", "mask", "source", "label", "native_label", "subcategory", "condition"),
    *("patient_id", "eye", "width", "height", "sha256", "pixels_sha256", "perceptual_hash", "split"),
    *("settled_by", "readers", "agreement", "device", "clinic", "volume", "place", "mask_sha256"),
)
"""Those of every manifest (docs/data.md), then what an installation knows beside it."""
FULL = 255
TEXT_AT_ONCE = 200
"""Pictures that are looked at for text in one step, which has a deadline."""
DECIMALS = 4


@dataclass(frozen=True)
class Copied:
    """A scan whose picture is in the data set's folder, with the picture's hashes (hexadecimal)."""

    scan: Settled
    sha256: str
    pixels_sha256: str
    perceptual_hash: str

    @property
    def picture(self) -> Picture:
        """What decides on which side it is."""
        return Picture(self.scan.patient, self.scan.label, self.pixels_sha256, self.perceptual_hash)


def copy_pictures(gathered: Gathered, folder: Path) -> list[Copied]:
    """Copy the pictures that may go out into the folder, one at a time, and count the others as left out.

    Raises OSError when the disk is full, NoRoom while other large pictures are decoded.
    """
    (folder / IMAGES).mkdir()
    (folder / MASKS).mkdir()
    copied = []
    for part in _parts(gathered.scans, TEXT_AT_ONCE):
        reasons: Mapping[str, str] = {}
        if not gathered.rules.with_text:
            reasons = _texts(part)
        for scan in part:
            reason = reasons.get(scan.image_name, "")
            found = None if reason else _copied(scan, folder)
            if found is not None:
                copied.append(found)
            else:
                gathered.left_out[TEXT if reason == burnt_in.TEXT else NO_PICTURE] += 1
    return copied


def _texts(scans: Sequence[Settled]) -> dict[str, str]:
    pictures = {scan.image_name: scan.width * scan.height for scan in scans}
    reasons = burnt_in.reasons_for(pictures)
    while late := {name: pictures[name] for name, why in reasons.items() if why == burnt_in.NO_TIME}:
        again = burnt_in.reasons_for(late)
        reasons |= again
        if all(why == burnt_in.NO_TIME for why in again.values()):
            break  # not one more in a whole step: these can't be looked at
    return reasons


def _copied(scan: Settled, folder: Path) -> Copied | None:
    """Copy one picture; None where it is missing or can't be read."""
    try:
        content = storage.read(scan.image_name)
    except (FileNotFoundError, ValueError):
        return None
    try:
        with room.taken_for(scan.image_name):
            pixels = decode(content).pixels
            hashes = pixels_sha256(pixels), perceptual_hash(pixels)
    except ImageError:
        return None
    _write(folder / IMAGES / f"{scan.name}.png", content)
    return Copied(scan, hashlib.sha256(content).hexdigest(), *hashes)


def leave_out(copied: Iterable[Copied], folder: Path) -> None:
    """Remove the pictures of scans that were left out after all."""
    for each in copied:
        (folder / IMAGES / f"{each.scan.name}.png").unlink()


def write_masks(scans: Sequence[Settled], folder: Path) -> dict[ObjectId, str]:
    """Write what readers drew on these scans as pictures of 0 and 255; returns each one's sha256 by the scan's key.

    A pixel counts where at least half of those who drew an area have it inside. Areas of another label than the settled
    one, drafts, points and lines don't count.
    """
    # Imported on demand: the geometry takes memory and time to load.
    from webapp.annotations.geometry import Points, outline_of
    from webapp.annotations.masks import TooIntricate, mask_of

    hashes = {}
    for part in _parts(scans, AT_ONCE):
        drawn: dict[ObjectId, dict[ObjectId, list[Points]]] = defaultdict(lambda: defaultdict(list))
        by_key = {scan.key: scan for scan in part}
        shapes = Annotation.objects.filter(scan__in=list(by_key)).order_by("created")
        for key, author, label, selector in shapes.values_list("scan_id", "author_id", "label", "selector"):
            scan = by_key[key]
            outline = outline_of(selector) if label in ("", scan.label) else None
            if outline is not None and str(author) in scan.drawn_by:
                drawn[key][author].append(outline)
        for key, by_author in drawn.items():
            scan = by_key[key]
            votes = np.zeros((scan.height, scan.width), dtype=np.uint16)
            try:
                for outlines in by_author.values():
                    votes += mask_of(outlines, scan.width, scan.height)
            except TooIntricate:
                continue
            mask = (2 * votes >= len(by_author)) & (votes > 0)
            if mask.any():
                content = cv2.imencode(".png", mask.astype(np.uint8) * FULL)[1].tobytes()
                _write(folder / MASKS / f"{scan.name}.png", content)
                hashes[key] = hashlib.sha256(content).hexdigest()
    return hashes


def rows_of(
    copied: Sequence[Copied], splits: Sequence[str], masks: Mapping[ObjectId, str]
) -> list[dict[str, str]]:
    """The rows of the manifest, in the order of the scans."""
    rows = []
    for each, split in zip(copied, splits, strict=True):
        scan = each.scan
        mask = masks.get(scan.key, "")
        values: dict[str, Any] = {
            "file": f"{IMAGES}/{scan.name}.png",
            "mask": f"{MASKS}/{scan.name}.png" if mask else "",
            "source": SOURCE,
            "label": scan.label,
            "native_label": scan.label,
            "patient_id": scan.patient,
            "eye": scan.eye,
            "width": scan.width,
            "height": scan.height,
            "sha256": each.sha256,
            "pixels_sha256": each.pixels_sha256,
            "perceptual_hash": each.perceptual_hash,
            "split": split,
            "settled_by": scan.settled_by,
            "readers": scan.readers,
            "agreement": "" if scan.agreement is None else f"{scan.agreement:.{DECIMALS}g}",
            "device": scan.device,
            "clinic": scan.clinic,
            "volume": scan.volume,
            "place": scan.place if scan.volume else "",
            "mask_sha256": mask,
        }
        rows.append({name: str(values.get(name, "")) for name in COLUMNS})
    return rows


def content_sha256(rows: Sequence[Mapping[str, str]]) -> str:
    """The hash of a data set: of its rows, which hold the hashes of all files. The order of rows doesn't count."""
    return canonical_sha256(sorted((dict(row) for row in rows), key=lambda row: row["file"]))


def held_out_sha256(rows: Sequence[Mapping[str, str]]) -> str:
    """The hash of the part of the test set that is in a data set: of the pixels of its pictures."""
    return canonical_sha256(sorted(row["pixels_sha256"] for row in rows if row["split"] == "test"))


def counts_of(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """What a data set holds, in numbers."""
    by_label: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_label[row["label"]][row["split"]] += 1
    return {
        "scans": len(rows),
        "patients": len({row["patient_id"] for row in rows}),
        "test_patients": len({row["patient_id"] for row in rows if row["split"] == "test"}),
        "splits": dict(sorted(Counter(row["split"] for row in rows).items())),
        "labels": {label: dict(sorted(sides.items())) for label, sides in sorted(by_label.items())},
        "masks": sum(bool(row["mask"]) for row in rows),
        "volumes": len({row["volume"] for row in rows if row["volume"]}),
        "settled_by": dict(sorted(Counter(row["settled_by"] for row in rows).items())),
    }


def write_manifest(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write the manifest."""
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = TableWriter(lines)
        writer.write_row(COLUMNS)
        for row in rows:
            writer.write_row(row[name] for name in COLUMNS)
        lines.flush()
        os.fsync(lines.fileno())


def read_manifest(path: Path) -> list[dict[str, str]]:
    """The rows of a manifest that was written here. Raises OSError."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [{name: plain_text(text) for name, text in row.items()} for row in csv.DictReader(lines)]


def fault_in(folder: Path, sha256: str) -> str:
    """What in a data set's folder is not as it was frozen with this hash; "" where all of it is."""
    about, manifest = folder / ABOUT_NAME, folder / MANIFEST_NAME
    try:
        if not _names(about, sha256):
            return f"{about.name} is not as it was frozen"
        rows = _frozen_rows(manifest, sha256)
        if rows is None:
            return "the manifest is not as it was frozen"
        if not _holds_its_hash(folder / TEST_SET_NAME):
            return f"{TEST_SET_NAME} is not as it was frozen"
        for row in rows:
            for name, hash_name in (("file", "sha256"), ("mask", "mask_sha256")):
                if row[name] and sha256_of(folder / row[name]) != row[hash_name]:
                    return f"{row[name]} is not as it was frozen"
    except OSError as error:
        return f"{error.filename or folder} can't be read ({error.strerror})"
    return ""


def _names(about: Path, sha256: str) -> bool:
    """Whether what a data set says of itself can be read and names this hash."""
    try:
        said = json.loads(about.read_bytes())
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("sha256") == sha256


def _holds_its_hash(test_set: Path) -> bool:
    """Whether a test set can be read, and its patients and pictures are those of the hash that it names."""
    try:
        said = json.loads(test_set.read_bytes())
        held_out = {name: said[name] for name in ("patients", "scans")}
    except (ValueError, KeyError, TypeError):
        return False
    return bool(said.get("sha256") == canonical_sha256(held_out))


def _frozen_rows(manifest: Path, sha256: str) -> list[dict[str, str]] | None:
    """The rows of a manifest; None where they have another hash, or are no rows any more."""
    try:
        rows = read_manifest(manifest)
        return rows if content_sha256(rows) == sha256 else None
    except (csv.Error, AttributeError, KeyError, TypeError, ValueError):
        return None  # cells are missing or too many, or it is no text


def sha256_of(path: Path) -> str:
    """The hash of a file, hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file as a whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        _write(partial, f"{json.dumps(value, indent=1, ensure_ascii=False)}\n".encode())
        partial.replace(path)
        storage.flush_folder(path.parent)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _write(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _parts(scans: Sequence[Settled], size: int) -> Iterator[Sequence[Settled]]:
    for start in range(0, len(scans), size):
        yield scans[start : start + size]
