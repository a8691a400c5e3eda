"""Frozen data sets are what they were frozen as, and no training sees a scan of a test set."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

import cli
from imaging.fingerprint import near_any
from tests.training.conftest import write_scan
from training.data import frozen
from training.data.fingerprint import fingerprint
from training.data.frozen import content_sha256, known_test_sets, learnt_from, load, refuse_held_out
from training.data.manifest import DataError, Scan, read_manifest, read_rows, write_manifest
from training.data.reading import read_scans
from training.learning.sources import put_together


@pytest.fixture(autouse=True)
def no_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine's data folder is an empty one."""
    monkeypatch.setenv("RETINOTE_DATA_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """A frozen data set of an installation: 8 scans of 8 patients, two of them in its test set."""
    folder = tmp_path / "var" / "learning" / "data-sets" / "1"
    rows = []
    for number in range(8):
        file = f"images/{number}.png"
        write_scan(folder / file, ("HIGH", "LOW")[number % 2], seed=number)
        found = fingerprint(folder / file)
        split = {0: "test", 1: "test", 2: "val", 3: "val"}.get(number, "train")
        rows.append({
            "file": file, "label": ("HIGH", "LOW")[number % 2], "source": "retinote", "patient_id": f"patient-{number}",
            "sha256": found.sha256, "pixels_sha256": found.pixels_sha256, "perceptual_hash": found.perceptual_hash,
            "split": split,
        })  # fmt: skip
    write_manifest(folder / "manifest.csv", rows)
    read = read_rows(folder / "manifest.csv")[1]
    held_out = [row for row in read if row["split"] == "test"]
    about = {
        "format": 1, "sha256": content_sha256(read), "number": 1, "name": "retina-oct", "made": "2026-11-29", "by": "x",
        "held_out_sha256": "ab" * 32,
    }  # fmt: skip
    (folder / "data-set.json").write_text(json.dumps(about))
    test_set = {
        "patients": [row["patient_id"] for row in held_out],
        "scans": [{name: row[name] for name in ("pixels_sha256", "perceptual_hash")} for row in held_out],
    }
    for place in (folder, folder.parent.parent):
        (place / "test-set.json").write_text(json.dumps(test_set))
    return folder


def test_a_frozen_data_set_is_opened_as_it_was(data_set: Path) -> None:
    opened = load(data_set)
    assert (opened.about.number, opened.about.name, len(opened.scans)) == (1, "retina-oct", 8)
    assert read_scans(data_set) == read_scans(data_set / "manifest.csv") == opened.scans
    assert learnt_from([data_set]) == {"data_set": opened.about.sha256, "data_set_number": 1}
    refuse_held_out(opened.scans, known_test_sets([data_set]))


@pytest.mark.parametrize("what", ["picture", "row", "missing"])
def test_a_changed_one_is_refused(data_set: Path, what: str) -> None:
    if what == "picture":
        write_scan(data_set / "images" / "5.png", "LOW", seed=77)
    elif what == "missing":
        (data_set / "images" / "5.png").unlink()
    else:
        manifest = data_set / "manifest.csv"
        manifest.write_text(manifest.read_text().replace("test", "train", 1))
    with pytest.raises(DataError, match=r"5\.png|is not as it was frozen"):
        read_scans(data_set)


def test_two_data_sets_at_once_are_refused(data_set: Path) -> None:
    with pytest.raises(DataError, match="are both frozen data sets"):
        learnt_from([data_set, data_set / "manifest.csv"])
    assert learnt_from([data_set.parent]) == {}


@pytest.mark.parametrize(
    "words", [("split",), ("import", "folders", "--append"), ("import", "folders", "--overwrite")]
)
def test_it_is_neither_divided_nor_imported_again(
    data_set: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    before = (data_set / "manifest.csv").read_bytes()

    assert cli.main(["data", *words, str(data_set)]) == 2

    assert "manifest.csv is that of a frozen data set" in capsys.readouterr().err
    assert (data_set / "manifest.csv").read_bytes() == before
    assert cli.main(["data", "split", str(data_set), "--check"]) == 0
    load(data_set)


def test_what_leaks_beside_it_is_to_leave_the_other_data(
    data_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own split stays, so nobody is told to divide it again."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "same.png").write_bytes((data_set / "images" / "4.png").read_bytes())
    write_manifest(other / "manifest.csv", [{"file": "same.png", "label": "HIGH", "split": "val"}])
    told = "var/learning/data-sets/1 is frozen and keeps its split, so take these scans out of the other data"

    assert cli.main(["data", "split", "--check", str(other), str(data_set)]) == 2
    assert told.replace("/1", "/1/manifest.csv") in capsys.readouterr().err
    with pytest.raises(DataError, match=told):
        put_together(load(data_set), read_manifest(other / "manifest.csv"), [])


def elsewhere(folder: Path, data_set: Path) -> list[Scan]:
    """The first test scan in another format and without hashes, beside scans of others."""
    folder.mkdir()
    cv2.imwrite(str(folder / "same.bmp"), cv2.imread(str(data_set / "images" / "0.png")))
    for number in (1, 2):
        write_scan(folder / f"{number}.png", "LOW", seed=500 + number)
    return [Scan(path=path, label="LOW", split="train") for path in sorted(folder.iterdir())]


def test_a_scan_of_the_test_set_is_known_by_its_pixels(data_set: Path, tmp_path: Path) -> None:
    scans = elsewhere(tmp_path / "other", data_set)
    with pytest.raises(
        DataError, match=r"^1 scan\(s\) to learn from are of the installation's test set.*same\.bmp"
    ):
        refuse_held_out(scans, known_test_sets([tmp_path / "other"]))
    refuse_held_out([scan for scan in scans if scan.path.suffix != ".bmp"], known_test_sets([tmp_path]))


def test_nearly_the_same_picture_is_known_too(data_set: Path, tmp_path: Path) -> None:
    picture = cv2.imread(str(data_set / "images" / "1.png"))
    cv2.imwrite(str(tmp_path / "near.jpg"), cv2.add(picture, 10), [cv2.IMWRITE_JPEG_QUALITY, 85])
    with pytest.raises(DataError, match=r"near\.jpg"):
        refuse_held_out([Scan(path=tmp_path / "near.jpg", label="LOW", split="train")], known_test_sets([]))


def test_a_patient_of_the_test_set_is_known_by_the_pseudonym(data_set: Path, tmp_path: Path) -> None:
    write_scan(tmp_path / "new.png", "LOW", seed=900)
    scan = Scan(path=tmp_path / "new.png", label="LOW", patient="retinote:patient-1", split="val")
    with pytest.raises(DataError, match=r"new\.png"):
        refuse_held_out([scan], known_test_sets([]))


def test_what_is_in_the_split_test_may_be_there(data_set: Path) -> None:
    held_out = [scan for scan in read_manifest(data_set / "manifest.csv") if scan.split == "test"]
    assert len(held_out) == 2
    refuse_held_out(held_out, known_test_sets([data_set]))


def test_without_a_test_set_nothing_is_read(tmp_path: Path) -> None:
    absent = Scan(path=tmp_path / "absent.png", label="LOW", split="train")
    refuse_held_out([absent], known_test_sets([tmp_path]))


def test_a_copy_of_a_data_set_brings_its_test_set(
    data_set: Path, tmp_path: Path, no_installation: Path
) -> None:
    taken = tmp_path / "taken"
    data_set.rename(taken)
    (no_installation / "learning" / "test-set.json").unlink()
    (found,) = known_test_sets([taken])
    assert found.patients == ["patient-0", "patient-1"]


def test_a_damaged_test_set_is_named(data_set: Path, no_installation: Path) -> None:
    (no_installation / "learning" / "test-set.json").write_text("{}")
    with pytest.raises(DataError, match=r"test-set\.json|field patients is missing"):
        known_test_sets([])


def test_the_nearest_hash_is_found_across_blocks() -> None:
    assert near_any(["", "00" * 32, "ff" * 32], ["0f" + "00" * 31, ""]) == [-1, 0, -1]
    assert near_any(["00" * 32], []) == [-1] and near_any([], ["00" * 32]) == []


def test_the_root_is_the_checkout() -> None:
    assert (frozen.ROOT / "retinote").is_file()
