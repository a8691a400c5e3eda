"""Reading labelled scans and dividing them by patient."""

import shutil
from pathlib import Path

import pytest

from training.data.manifest import DataError, of_split, read_scans
from training.data.split import patient_groups, shared_patients, split_scans


def test_a_manifest_is_split_without_sharing_a_patient(manifest_data: Path) -> None:
    scans = split_scans(read_scans(manifest_data), validation_share=0.25, seed=3)
    assert len(scans) == 32
    assert shared_patients(scans) == set()
    assert 4 <= len(of_split(scans, "val")) <= 12
    assert {scan.label for scan in of_split(scans, "val")} == {"HIGH", "LOW"}


def test_the_same_seed_gives_the_same_split(manifest_data: Path) -> None:
    scans = read_scans(manifest_data)
    assert split_scans(scans, 0.25, seed=5) == split_scans(scans, 0.25, seed=5)


def test_patients_with_an_identical_file_count_as_one(manifest_data: Path) -> None:
    images = manifest_data / "images"
    shutil.copy(images / "0-0.png", images / "2-1.png")
    scans = read_scans(manifest_data)
    groups = dict(zip([scan.path.stem for scan in scans], patient_groups(scans), strict=True))
    assert groups["0-0"] == groups["0-1"] == groups["2-0"] == groups["2-1"]
    assert groups["4-0"] != groups["0-0"]


def test_folders_keep_their_splits(folder_data: Path) -> None:
    scans = split_scans(read_scans(folder_data), validation_share=0.25, seed=0)
    assert [len(of_split(scans, split)) for split in ("train", "val", "test")] == [8, 4, 4]


def test_labels_choose_what_is_read(manifest_data: Path) -> None:
    with pytest.raises(DataError, match="no scan with the label MIDDLE"):
        read_scans(manifest_data, ["HIGH", "MIDDLE"])
    with pytest.raises(DataError, match="fewer than two labels"):
        read_scans(manifest_data, ["HIGH"])


def test_a_missing_column_and_a_missing_file_are_named(manifest_data: Path) -> None:
    manifest = manifest_data / "manifest.csv"
    text = manifest.read_text()
    manifest.write_text(text.replace("label,", "kind,", 1))
    with pytest.raises(DataError, match=r"manifest\.csv lacks the column label"):
        read_scans(manifest_data)
    manifest.write_text(text)
    (manifest_data / "images" / "3-1.png").unlink()
    with pytest.raises(DataError, match=r"3-1\.png"):
        read_scans(manifest_data)


def test_a_folder_without_scans_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither manifest\.csv nor a train/ folder"):
        read_scans(tmp_path)
    with pytest.raises(DataError, match="no folder"):
        read_scans(tmp_path / "absent")


def test_a_label_on_one_side_only_is_refused(folder_data: Path) -> None:
    shutil.rmtree(folder_data / "val" / "LOW")
    with pytest.raises(DataError, match="the val split has no scan of LOW"):
        split_scans(read_scans(folder_data), validation_share=0.25, seed=0)
