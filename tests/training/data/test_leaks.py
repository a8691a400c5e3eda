"""Splits that leak are refused, and what leaks is named."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

import cli
from tests.training.tables import read_table, write_table
from training.data.leaks import check_split, find_leaks
from training.data.manifest import DataError, Scan, read_scans


def by_patient(data: Path) -> list[Scan]:
    """The scans of `manifest_data` with two patients in three to train."""
    sides = ("train", "train", "val")
    return [replace(scan, split=sides[int(scan.patient.split("p")[-1]) % 3]) for scan in read_scans(data)]


def test_a_split_by_patient_is_sound_but_says_what_it_did_not_look_for(manifest_data: Path) -> None:
    report = check_split(by_patient(manifest_data))
    assert report.refusals() == []
    assert "were not looked for" in report.remarks()[0]


def test_patients_and_identical_files_on_two_sides_are_counted_and_named(manifest_data: Path) -> None:
    images = manifest_data / "images"
    shutil.copy(images / "0-0.png", images / "2-1.png")
    scans = by_patient(manifest_data)
    with pytest.raises(
        DataError, match=r"1 identical picture\(s\) stand on two sides: .*0-0\.png = .*2-1\.png"
    ):
        check_split(scans)
    scans[8] = replace(scans[8], split="test")
    with pytest.raises(DataError, match=r"1 patient\(s\) stand on two sides: octdl:p4"):
        check_split(scans)


def test_the_command_refuses_leaks_and_reports_what_is_nearly_identical(
    manifest_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, manifest = manifest_data / "images", manifest_data / "manifest.csv"
    picture = cv2.imread(str(images / "1-0.png"))
    cv2.imwrite(str(images / "2-0.png"), cv2.GaussianBlur(picture, (3, 3), 0.5))
    rows = read_table(manifest)
    split = ("train", "train", "val")
    write_table(manifest, [row | {"split": split[int(row["patient_id"][1:]) % 3]} for row in rows])
    before = manifest.read_text()
    assert cli.main(["data", "split", str(manifest), "--check"]) == 0
    said = capsys.readouterr().err
    assert "1 pair(s) of nearly identical scans stand on two sides" in said
    assert "2-0.png (" in said

    cv2.imwrite(str(images / "2-1.bmp"), picture)
    write_table(
        manifest,
        [row | {"file": row["file"].replace("/2-1.png", "/2-1.bmp")} for row in read_table(manifest)],
    )
    assert cli.main(["data", "split", str(manifest), "--check"]) == 2
    assert "1 identical picture(s) stand on two sides" in capsys.readouterr().err
    assert manifest.read_text() == before.replace("/2-1.png", "/2-1.bmp")


def test_there_must_be_a_split_to_check(manifest_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "split", str(manifest_data), "--check"]) == 2
    assert "no split to check" in capsys.readouterr().err


def test_identical_pictures_are_not_counted_as_nearly_identical_too(manifest_data: Path) -> None:
    scans = by_patient(manifest_data)[:6]
    scans = [
        replace(
            scan, sha256=f"{at:064x}", pixels_sha256=f"{at % 5:064x}", perceptual_hash=f"{at % 5 * 'f':0>64}"
        )
        for at, scan in enumerate(scans)
    ]
    report = find_leaks(scans)
    assert len(report.identical) == 1
    assert all({first, second} != set(report.identical[0]) for first, second, _ in report.near)
    assert {bits for *_, bits in report.near} <= {4, 8, 12, 16}
