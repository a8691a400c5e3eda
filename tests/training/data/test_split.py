"""Dividing scans by patient, and `data split`."""

import shutil
from collections import Counter
from pathlib import Path

import cv2
import pytest

import cli
from tests.training.conftest import write_scan
from tests.training.tables import read_table, write_table
from training.data.folders import SPLITS
from training.data.manifest import DataError, Scan, of_split
from training.data.reading import read_scans
from training.data.split import divide, patient_groups, shared_patients, split_scans, three_way_split


def run(*words: object) -> int:
    return cli.main(["data", "split", *(str(word) for word in words)])


def scan(number: int, label: str, patient: str = "", split: str = "") -> Scan:
    """A scan that needs no file, as its hash is known."""
    return Scan(Path(f"{number}.png"), label, patient, split=split, sha256=f"{number:064x}")


def test_a_manifest_is_split_without_sharing_a_patient(manifest_data: Path) -> None:
    scans = split_scans(read_scans(manifest_data), validation_share=0.25, seed=3)
    assert len(scans) == 32
    assert shared_patients(scans) == set()
    assert len(of_split(scans, "val")) == 8
    assert {scan.label for scan in of_split(scans, "val")} == {"HIGH", "LOW"}


def test_the_same_seed_gives_the_same_split(manifest_data: Path) -> None:
    scans = read_scans(manifest_data)
    assert split_scans(scans, 0.25, seed=5) == split_scans(scans, 0.25, seed=5)
    assert split_scans(scans, 0.25, seed=5) != split_scans(scans, 0.25, seed=6)


def test_patients_with_an_identical_file_count_as_one(manifest_data: Path) -> None:
    images = manifest_data / "images"
    shutil.copy(images / "0-0.png", images / "2-1.png")
    scans = read_scans(manifest_data)
    groups = dict(zip([scan.path.stem for scan in scans], patient_groups(scans), strict=True))
    assert groups["0-0"] == groups["0-1"] == groups["2-0"] == groups["2-1"]
    assert groups["4-0"] != groups["0-0"]


def test_folders_keep_their_splits(folder_data: Path) -> None:
    scans = split_scans(read_scans(folder_data), validation_share=0.25, seed=0)
    assert [len(of_split(scans, split)) for split in SPLITS] == [8, 4, 4]


def test_without_a_validation_side_it_is_taken_from_train(folder_data: Path) -> None:
    shutil.rmtree(folder_data / "val")
    scans = split_scans(read_scans(folder_data), validation_share=0.25, seed=0)
    assert [len(of_split(scans, split)) for split in SPLITS] == [6, 2, 4]


def test_scans_without_a_split_join_their_patients(manifest_data: Path) -> None:
    decided = [scan(1, "A", "p", "train"), scan(2, "B", "q", "val"), scan(3, "A", "s", "test")]
    added = [scan(4, "B", "p"), scan(5, "A", "q"), scan(6, "A", "s")]
    sides = [scan.split for scan in split_scans(decided + added, validation_share=0.5, seed=0)]
    assert sides == ["train", "val", "test", "train", "val", "test"]


def test_a_label_on_one_side_only_is_refused(folder_data: Path) -> None:
    shutil.rmtree(folder_data / "val" / "LOW")
    with pytest.raises(DataError, match="val split has no scan of LOW"):
        split_scans(read_scans(folder_data), validation_share=0.25, seed=0)


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_kept_for_common_and_for_rare_labels(seed: int) -> None:
    # 200 patients with one to five scans of COMMON; 3 with ten, one and one of RARE, one of them with both.
    scans = [
        scan(10 * patient + n, "COMMON", f"p{patient}")
        for patient in range(200)
        for n in range(1 + patient % 5)
    ]
    sizes = {"r0": 10, "r1": 1, "p7": 1}
    scans += [
        scan(5000 + 20 * at + n, "RARE", p) for at, (p, size) in enumerate(sizes.items()) for n in range(size)
    ]
    divided = three_way_split(scans, patient_groups(scans), 0.15, 0.15, seed)
    assert shared_patients(divided) == set()
    common = Counter(scan.split for scan in divided if scan.label == "COMMON")
    assert {side: round(count / 600, 2) for side, count in common.items()} == {
        "train": 0.7,
        "val": 0.15,
        "test": 0.15,
    }
    assert Counter(scan.split for scan in divided if scan.label == "RARE") == {
        "train": 10,
        "val": 1,
        "test": 1,
    }


def test_a_label_with_fewer_patients_than_sides_is_named() -> None:
    scans = [scan(n, "COMMON") for n in range(50)] + [scan(100 + n, "RARE", f"p{n % 2}") for n in range(8)]
    with pytest.raises(
        DataError, match=r"no scan of RARE \(RARE: 2 patient\(s\) or unlinked scan\(s\) for 3 sides\)"
    ):
        three_way_split(scans, patient_groups(scans), 0.15, 0.15, seed=0)
    two_sides = three_way_split(scans, patient_groups(scans), 0.2, 0, seed=0)
    assert {scan.split for scan in two_sides if scan.label == "RARE"} == {"train", "val"}


@pytest.mark.parametrize("shares", [(0.6, 0.4), (-0.1, 0.2), (float("nan"), 0.2), (0.2, float("nan"))])
def test_impossible_shares_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="leave nothing to train"):
        three_way_split([scan(0, "A")], [0], *shares, seed=0)


def test_a_negative_seed_is_refused(manifest_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (manifest_data / "manifest.csv").read_text()

    assert run(manifest_data, "--seed", -1) == 2

    assert capsys.readouterr().err == "retinote: --seed is -1; choose a whole number of 0 or more\n"
    assert (manifest_data / "manifest.csv").read_text() == before


def test_no_side_gathers_the_patients_with_many_scans() -> None:
    groups = [patient for patient in range(120) for _ in range(1 + 7 * (patient % 2))]
    sides = divide(["A"] * len(groups), groups, {"train": 0.5, "val": 0.5}, seed=0)
    large = {group for group, side in zip(groups, sides, strict=True) if side == "train" and group % 2}
    assert 20 <= len(large) <= 40


def test_the_command_writes_a_split_that_it_then_finds_sound(
    manifest_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = manifest_data / "manifest.csv"
    assert run(manifest_data, "--val", 0.25, "--test", 0.25, "--seed", 4) == 0
    assert Counter(row["split"] for row in read_table(manifest)) == {"train": 16, "val": 8, "test": 8}
    assert "Published OCT sets leak" in capsys.readouterr().out
    assert run(manifest, "--check") == 0
    assert "no patient and no identical scan is on two sides" in capsys.readouterr().out
    # The hashes are kept, for the next time.
    assert all(len(row["sha256"]) == len(row["perceptual_hash"]) == 64 for row in read_table(manifest))


def test_the_same_scan_saved_anew_for_another_patient_stays_on_its_side(
    manifest_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_table(manifest_data / "manifest.csv")
    picture = cv2.imread(str(manifest_data / "images" / "1-0.png"))
    cv2.imwrite(str(manifest_data / "images" / "9-0.png"), cv2.add(cv2.GaussianBlur(picture, (3, 3), 0.5), 6))
    for seed in range(3):
        assert run(manifest_data, "--val", 0.25, "--test", 0.25, "--seed", seed) == 0
        sides = {row["patient_id"]: row["split"] for row in read_table(manifest_data / "manifest.csv")}
        assert sides["p1"] == sides["p9"]
        assert len(rows) == len(read_table(manifest_data / "manifest.csv"))
    assert (
        "1 pair(s) of identical or nearly identical scans don't name the same patient"
        in capsys.readouterr().out
    )


def test_several_manifests_are_divided_as_one(manifest_data: Path, tmp_path: Path) -> None:
    rows = read_table(manifest_data / "manifest.csv")
    halves = [manifest_data / "first.csv", manifest_data / "second.csv"]
    write_table(halves[0], rows[0::2])
    write_table(halves[1], rows[1::2])
    assert run(*halves, "--val", 0.25, "--test", 0.25) == 0
    first, second = ({row["patient_id"]: row["split"] for row in read_table(half)} for half in halves)
    assert first == second
    assert set(first.values()) == set(SPLITS)


def test_a_missing_manifest_and_a_broken_scan_are_named(
    manifest_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "absent.csv") == 2
    assert "absent.csv is not there" in capsys.readouterr().err
    before = (manifest_data / "manifest.csv").read_text()
    (manifest_data / "images" / "3-1.png").write_bytes(b"\x89PNG\r\n")
    assert run(manifest_data) == 2
    assert "3-1.png can't be read" in capsys.readouterr().err
    assert (manifest_data / "manifest.csv").read_text() == before


def test_masks_and_further_columns_survive(manifest_data: Path) -> None:
    manifest = manifest_data / "manifest.csv"
    rows = read_table(manifest)
    write_scan(manifest_data / "mask.png", "HIGH", 5)
    write_table(
        manifest,
        [row | {"mask": "mask.png" if at == 0 else "", "device": "B"} for at, row in enumerate(rows)],
    )
    assert run(manifest) == 0
    assert read_table(manifest)[0]["mask"] == "mask.png"
    assert {row["device"] for row in read_table(manifest)} == {"B"}
