"""`./retinote bench web` says in a line what is wrong."""

from __future__ import annotations

from pathlib import Path

from tests.stacks import retinote


def test_its_options_are_listed() -> None:
    assert "--sizes" in retinote("bench", "web", "--help").stdout


def test_a_folder_without_scans_is_refused_before_anything_starts(tmp_path: Path) -> None:
    refused = retinote("bench", "web", "--scans", tmp_path, "--out", tmp_path / "out")
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        f"retinote: {tmp_path} holds no images (.png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp)."
    ]


def test_numbers_that_make_no_sense_are_refused() -> None:
    assert "at least 500 scans" in retinote("bench", "web", "--sizes", "20").stderr
    assert "give a number above zero" in retinote("bench", "web", "--rounds", "0").stderr
    assert "--seed: give a whole number of 0 or more" in retinote("bench", "web", "--seed", "-1").stderr
