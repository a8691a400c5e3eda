"""`data simulate`: files, manifest, refusals."""

from __future__ import annotations

import argparse
import csv
import errno
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.manifest import DataError, read_scans
from training.simulator import LABELS, writing
from training.simulator import simulate as draw
from training.simulator.commands import add_simulate_arguments, simulate
from training.simulator.findings import Finding, as_mask


def run(*options: object) -> int:
    parser = argparse.ArgumentParser()
    add_simulate_arguments(parser)
    small = ("--height", 60, "--width", 64, "--workers", 1)
    return simulate(parser.parse_args([str(option) for option in (*small, *options)]))


def test_writes_scans_masks_and_manifest(tmp_path: Path) -> None:
    out = tmp_path / "set"

    assert run("--out", out, "--per-class", 2, "--seed", 3) == 0

    with (out / "manifest.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["label"] for row in rows] == [label for label in LABELS for _ in range(2)]
    for row in rows:
        image = cv2.imread(str(out / row["file"]), cv2.IMREAD_UNCHANGED)
        mask = cv2.imread(str(out / row["mask"]), cv2.IMREAD_UNCHANGED)
        assert image is not None
        assert mask is not None
        assert image.shape == mask.shape == (int(row["height"]), int(row["width"])) == (60, 64)
        assert set(np.unique(mask)) <= {0, *as_mask(np.array([*Finding][1:], np.uint8))}
        assert mask.any() == (row["label"] != "NORMAL")
        assert row["sha256"] == hashlib.sha256((out / row["file"]).read_bytes()).hexdigest()
        assert row["source"] == "simulator"
        assert row["patient_id"].startswith("simulator:3-")
    scans = read_scans(out)
    assert len(scans) == 2 * len(LABELS)
    assert all(scan.mask is not None for scan in scans)


def test_files_hold_what_the_function_draws(tmp_path: Path) -> None:
    run("--out", tmp_path, "--per-class", 2, "--seed", 3, "--labels", "DME", "MH")

    image = cv2.imread(str(tmp_path / "images/MH/00001.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(image, draw("MH", 2, 3, 60, 64).images[1])


def test_several_workers_write_the_same(tmp_path: Path) -> None:
    for workers in (1, 2):
        run(
            "--out",
            tmp_path / str(workers),
            "--per-class",
            18,
            "--labels",
            "CSR",
            "NORMAL",
            "--workers",
            workers,
        )

    first, second = ((tmp_path / name / "manifest.csv").read_text() for name in ("1", "2"))
    assert first == second


def test_draws_a_sheet(tmp_path: Path) -> None:
    run(
        "--out",
        tmp_path / "set",
        "--per-class",
        1,
        "--labels",
        "DR",
        "NORMAL",
        "--sheet",
        tmp_path / "sheet.jpg",
    )

    assert cv2.imread(str(tmp_path / "sheet.jpg")) is not None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--labels", "CNV", "GLAUCOMA"), "GLAUCOMA"),
        (("--labels", "CNV", "CNV"), "twice"),
        (("--per-class", 0), "--per-class"),
        (("--seed", -1), "--seed"),
        (("--height", 5), "--height"),
        (("--workers", 0), "--workers"),
    ],
)
def test_refuses_what_it_cannot_draw(tmp_path: Path, options: tuple[object, ...], named: str) -> None:
    with pytest.raises(DataError, match=named):
        run("--out", tmp_path / "set", "--per-class", 1, *options)

    assert not (tmp_path / "set").exists()


def test_keeps_what_is_there_unless_told(tmp_path: Path) -> None:
    run("--out", tmp_path, "--per-class", 2, "--labels", "CNV", "DR")

    with pytest.raises(DataError, match="--overwrite"):
        run("--out", tmp_path, "--per-class", 1, "--labels", "CNV", "DR")
    assert len(read_scans(tmp_path)) == 4

    run("--out", tmp_path, "--per-class", 1, "--labels", "CNV", "DR", "--overwrite")
    assert len(read_scans(tmp_path)) == 2
    assert len(list(tmp_path.glob("images/*/*.png"))) == 2


def test_never_deletes_what_it_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(DataError, match=r"thesis\.txt"):
        run("--out", tmp_path, "--per-class", 1, "--overwrite")

    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_full_disk_leaves_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("--out", tmp_path, "--per-class", 1, "--labels", "CNV", "DR")

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="No space left on device"):
        run("--out", tmp_path, "--per-class", 1, "--labels", "CNV", "DR", "--overwrite")

    assert not (tmp_path / writing.MANIFEST_NAME).exists()
