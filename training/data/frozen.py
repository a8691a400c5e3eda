"""Frozen data sets, as `./retinote learn export` makes them, and the test sets that no training may learn from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from handlers.checks import refusal
from training.data.manifest import MANIFEST_NAME, DataError, Scan, read_manifest, read_rows

ABOUT_NAME, TEST_SET_NAME = "data-set.json", "test-set.json"
DATA_SETS, LEARNING = "data-sets", "learning"
ROOT = Path(__file__).resolve().parents[2]
DATA_FOLDER_VARIABLE = "RETINOTE_DATA_DIR"
NAMED = 3
"""How many scans a refusal names, beside their count."""
READ_BYTES = 2**20
# Later versions may say more of a data set: what is not known here is passed over.
LENIENT = ConfigDict(extra="ignore")


@checked_dataclass(config=LENIENT, frozen=True)
class About:
    """What a data set says of itself, as far as trainings use it."""

    sha256: str
    number: Annotated[int, Ge(1)]
    name: str
    made: str
    held_out_sha256: str


@dataclass(frozen=True)
class FrozenDataSet:
    """A frozen data set whose files are what they were when it was made. `name` is the model's that may learn from it."""

    folder: Path
    about: About
    scans: list[Scan]


@checked_dataclass(config=LENIENT, frozen=True)
class HeldOutPicture:
    """A picture of a test set, by its hashes (hexadecimal)."""

    pixels_sha256: str
    perceptual_hash: str


@checked_dataclass(config=LENIENT, frozen=True)
class TestSet:
    """The test set of an installation: the pseudonyms of its patients, and its pictures."""

    __test__ = False  # pytest would collect it
    patients: list[str]
    scans: list[HeldOutPicture]


def is_frozen(data: Path) -> bool:
    """Whether a folder, or the manifest in it, is a frozen data set."""
    return (_folder(data) / ABOUT_NAME).is_file()


def load(data: Path) -> FrozenDataSet:
    """Open a frozen data set. Raises DataError where its rows or files are not what they were when it was made."""
    folder = _folder(data)
    about = read_about(folder)
    manifest = folder / MANIFEST_NAME
    rows = read_rows(manifest)[1]
    if content_sha256(rows) != about.sha256:
        raise DataError(f"{manifest} is not as it was frozen: {_hint(folder)}")
    for row in rows:
        for column, hash_column in (("file", "sha256"), ("mask", "mask_sha256")):
            name = row.get(column, "")
            if name and _sha256_of(folder / name) != row.get(hash_column):
                raise DataError(f"{folder / name} is not as it was frozen: {_hint(folder)}")
    return FrozenDataSet(folder, about, read_manifest(manifest))


def read_about(data: Path) -> About:
    """What a frozen data set says of itself; its files are not looked at. Raises DataError."""
    about: About = _read(_folder(data) / ABOUT_NAME, TypeAdapter(About))
    return about


def content_sha256(rows: Iterable[Mapping[str, str]]) -> str:
    """The hash of a data set: of its rows, which hold the hashes of all files. The order of rows doesn't count."""
    in_order = sorted((dict(row) for row in rows), key=lambda row: row["file"])
    text = json.dumps(in_order, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def known_test_sets(data: Sequence[Path]) -> list[TestSet]:
    """The test sets that a training on these data must not learn from.

    They are the one of this machine's data folder (`RETINOTE_DATA_DIR`, else `var`), and for each frozen data set the
    one that it was made with and the one that its installation has by now.
    """
    folders = [Path(os.environ.get(DATA_FOLDER_VARIABLE) or ROOT / "var") / LEARNING]
    for path in data:
        folder = _folder(path).absolute()
        folders.append(folder)
        if folder.parent.name == DATA_SETS:
            folders.append(folder.parent.parent)
    files = dict.fromkeys((folder / TEST_SET_NAME).resolve() for folder in folders)
    return [_read(file, TypeAdapter(TestSet)) for file in files if _is_there(file)]


def refuse_held_out(scans: Sequence[Scan], held_out: Sequence[TestSet]) -> None:
    """Raise DataError if a scan outside of the split `test` is of a test set: its patient, its pixels, or nearly them.

    Pictures without hashes in their manifest are read for it, where there is a test set at all.
    """
    patients = {patient for test_set in held_out for patient in test_set.patients}
    pictures = [picture for test_set in held_out for picture in test_set.scans]
    learnt = [scan for scan in scans if scan.split != "test"]
    if not (learnt and (patients or pictures)):
        return
    # Pillow and tqdm load only where there is something to compare.
    from imaging.fingerprint import near_any

    hashes = _hashes(learnt) if pictures else [("", "")] * len(learnt)
    near = near_any([look for _, look in hashes], [picture.perceptual_hash for picture in pictures])
    pixels = {picture.pixels_sha256 for picture in pictures}
    found = [
        scan.path
        for scan, (own_pixels, _), nearest in zip(learnt, hashes, near, strict=True)
        if own_pixels in pixels or nearest >= 0 or scan.patient.rpartition(":")[2] in patients
    ]
    if found:
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        raise DataError(
            f"{len(found)} scan(s) to learn from are of the installation's test set, or show nearly the same: "
            f"{', '.join(map(str, found[:NAMED]))}{more}. What is learnt could not be judged any more. Take them out, or "
            "give them the split test"
        )


def refuse_held_out_of(scans: Sequence[Scan], data: Sequence[Path]) -> None:
    """The same for the test sets that belong to these data and to this machine."""
    refuse_held_out(scans, known_test_sets(data))


def learnt_from(data: Sequence[Path]) -> dict[str, Any]:
    """What a card says of the frozen data set among these data: `data_set`, its hash, and `data_set_number`; {} without one.

    Raises DataError if there are two: a card names one.
    """
    frozen = [path for path in data if is_frozen(path)]
    if len(frozen) > 1:
        raise DataError(
            f"{frozen[0]} and {frozen[1]} are both frozen data sets; the newer one holds what is settled, so name that alone"
        )
    if not frozen:
        return {}
    about = read_about(frozen[0])
    return {"data_set": about.sha256, "data_set_number": about.number}


def _hashes(scans: Sequence[Scan]) -> list[tuple[str, str]]:
    """The hashes of the pixels and of the look of each scan; those of a picture that can't be read are empty."""
    from training.data.fingerprint import Fingerprint, fingerprints

    lacking = [index for index, scan in enumerate(scans) if not scan.pixels_sha256]
    made = (
        dict(zip(lacking, fingerprints([scans[index].path for index in lacking]), strict=True))
        if lacking
        else {}
    )
    hashes = []
    for index, scan in enumerate(scans):
        read = made.get(index)
        if isinstance(read, Fingerprint):
            hashes.append((read.pixels_sha256, read.perceptual_hash))
        else:
            hashes.append((scan.pixels_sha256, scan.perceptual_hash))
    return hashes


def _folder(data: Path) -> Path:
    return data.parent if data.name == MANIFEST_NAME else data


def _hint(folder: Path) -> str:
    return f"somebody changed {folder}; export again, or take an untouched copy"


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a folder that this account may not look into
        return False


def _read(file: Path, kind: TypeAdapter[Any]) -> Any:
    try:
        return kind.validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror}") from error
    except ValidationError as error:
        raise DataError(f"{refusal(error, str(file))}") from error


def _sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as content:
            while part := content.read(READ_BYTES):
                digest.update(part)
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror}") from error
    return digest.hexdigest()
