"""`data import` takes every file or leaves it out with its reason: unreadable, oddly named, there twice, or not where scans lie."""

import os
import shutil
from pathlib import Path

import cv2
import pytest

from tests.training.conftest import write_scan
from tests.training.data.importing import every_file, reasons, run
from tests.training.tables import read_table
from training.data.manifest import read_scans

ODD_FILES = {
    "readme.txt": "not named as an image",
    "overview.png": "in no label folder",
    "holdout/wet/1.png": "holdout is none of the splits that were found: train, valid",
    "test/1.png": "test is none of the splits that were found: train, valid",
    "train/1.png": "in no label folder",
    "train/wet/notes.doc": "not named as an image",
    "train/wet/more/1.png": "in a folder below that of the label wet",
    "train/wet/.1.png": "hidden",
    "valid/wet/1": "not named as an image",
    "__MACOSX/train/wet/1.png": "hidden",
}


def test_every_file_of_ones_own_folders_is_taken_or_left_out_with_its_reason(tmp_path: Path) -> None:
    for seed, name in enumerate(("train/wet/1.png", "train/dry/2.JPG", "valid/wet/3.tif")):
        write_scan(tmp_path / name, "HIGH", seed)
    for name in ODD_FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"odd")
    (tmp_path / "train" / "wet" / "round").symlink_to(tmp_path)
    files = every_file(tmp_path) - {tmp_path / "train" / "wet" / "round"}

    assert run("import", "folders", tmp_path) == 0

    assert reasons(tmp_path / "manifest.csv") == ODD_FILES
    assert {scan.path for scan in read_scans(tmp_path)} | {tmp_path / name for name in ODD_FILES} == files


@pytest.mark.parametrize("layout", ["octdl", "oct-c8", "kermany"])
def test_every_file_of_a_published_set_is_taken_or_left_out(
    layout: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(layout.replace("-", "_"))
    classes = min(path for path in every_file(folder) if path.suffix != ".csv").parents[1]
    write_scan(classes / "GLAUCOMA" / "1.png", "HIGH", 90)
    write_scan(folder / "other" / "deep" / "down" / "1.png", "HIGH", 91)
    files = every_file(folder) - {folder / "OCTDL_labels.csv"}

    assert run("import", layout, folder, "--keep-duplicates") == 0

    left_out = reasons(folder / "manifest.csv")
    assert {scan.path for scan in read_scans(folder)} | {folder / name for name in left_out} == files
    found = os.path.relpath(classes / "GLAUCOMA" / "1.png", folder)
    assert left_out[found].startswith("GLAUCOMA is no class of ")


def test_files_that_training_does_not_take_are_counted_with_their_reason(
    folder_data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_scan(folder_data / "holdout" / "HIGH" / "1.png", "HIGH", 1)
    write_scan(folder_data / "holdout" / "HIGH" / "2.png", "HIGH", 2)
    (folder_data / "readme.txt").write_text("read me")

    assert len(read_scans(folder_data)) == 16

    said = " ".join(record.getMessage() for record in caplog.records)
    assert "left out 2, not in a folder of a label" in said and "holdout/HIGH/1.png" in said
    assert "left out 1, not named as an image" in said


def test_a_name_that_is_not_utf8_is_left_out_before_files_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for seed, name in enumerate(("train/wet/1.png", "train/dry/2.png", "train/dry/odd.png")):
        write_scan(tmp_path / name, "HIGH", seed)
    odd = os.fsdecode(os.fsencode(tmp_path / "train" / "dry") + b"/gr\xfcn.png")
    (tmp_path / "train" / "dry" / "odd.png").rename(odd)

    assert len(read_scans(tmp_path)) == 2
    assert run("import", "folders", tmp_path) == 0

    assert reasons(tmp_path / "manifest.csv") == {
        "train/dry/gr\\xfcn.png": "its name is not UTF-8, in which manifests are written: rename it"
    }
    assert "gr\\xfcn.png" in capsys.readouterr().err
    assert any("gr\\xfcn.png" in record.getMessage() for record in caplog.records)


def test_unreadable_files_are_named_and_left_out(octdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = octdl / "OCTDL" / "AMD" / "amd_11_2.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    (octdl / "OCTDL" / "NO" / "no_14_1.jpg").write_text("not a picture")
    write_scan(octdl / "OCTDL" / "RVO" / "rvo_99_1.jpg", "HIGH", 70)
    assert run("import", "octdl", octdl) == 0
    left_out = {Path(row["file"]).name: row["reason"] for row in read_table(octdl / "manifest.left-out.csv")}
    assert set(left_out) == {"amd_11_2.jpg", "no_14_1.jpg", "rvo_99_1.jpg"}
    assert "ends too early" in left_out["amd_11_2.jpg"]
    assert "doesn't list it" in left_out["rvo_99_1.jpg"]
    said = capsys.readouterr().err
    assert "left out 2, unreadable" in said
    assert "no_14_1.jpg" in said
    assert f"{octdl / 'OCTDL' / 'DME'} is empty" in said


def test_of_identical_scans_one_stays_and_their_patients_become_one(
    octdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = octdl / "OCTDL"
    shutil.copy(classes / "AMD" / "amd_11_1.jpg", classes / "AMD" / "amd_13_1.jpg")
    # 13 has CNV here as well, and another scan.
    table = octdl / "OCTDL_labels.csv"
    table.write_text(
        table.read_text().replace("amd_13_1,AMD,intermediate,MNV_suspected", "amd_13_1,AMD,late,MNV")
        + "amd_13_2.jpg,AMD,late,MNV,13,OS,F,1960,48,48\n"
    )
    write_scan(classes / "AMD" / "amd_13_2.jpg", "HIGH", 80)
    assert run("import", "octdl", octdl) == 0
    patients = {scan.path.stem: scan.patient for scan in read_scans(octdl)}
    assert "amd_13_1" not in patients
    assert patients["amd_13_2"] == patients["amd_11_1"] == "octdl:11"
    assert "octdl:11 and octdl:13 share an identical scan" in capsys.readouterr().err


def test_the_same_pixels_in_another_file_format_are_identical(octdl: Path) -> None:
    amd = octdl / "OCTDL" / "AMD"
    cv2.imwrite(str(amd / "amd_11_2.png"), cv2.imread(str(amd / "amd_11_1.jpg")))
    (amd / "amd_11_2.jpg").unlink()
    run("import", "octdl", octdl)
    assert [Path(row["like"]).name for row in read_table(octdl / "manifest.left-out.csv")] == ["amd_11_1.jpg"]


def test_identical_scans_with_contradicting_labels_are_all_left_out(
    oct_c8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(oct_c8 / "train" / "CNV" / "cnv_train_1001.jpg", oct_c8 / "test" / "DR" / "dr_test_1002.jpg")
    shutil.copy(oct_c8 / "train" / "MH" / "mh_train_1001.jpg", oct_c8 / "val" / "MH" / "mh_val_1002.jpg")
    assert run("import", "oct-c8", oct_c8) == 0
    names = {scan.path.name for scan in read_scans(oct_c8)}
    assert not names & {"cnv_train_1001.jpg", "dr_test_1002.jpg", "mh_train_1001.jpg"}
    assert "mh_val_1002.jpg" in names  # the copy held out stays
    assert "contradicting labels" in capsys.readouterr().err

    assert run("import", "oct-c8", oct_c8, "--overwrite", "--keep-duplicates") == 0
    assert len(read_scans(oct_c8)) == 26


def test_nothing_usable_is_an_error_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "CNV").mkdir()
    assert run("import", "folders", tmp_path) == 2
    assert "has no image in its class folders" in capsys.readouterr().err
    (tmp_path / "CNV" / "a.png").write_text("no picture")
    assert run("import", "folders", tmp_path) == 2
    assert "a.png (unreadable" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["CNV"]
