"""Simulated chest X-rays: lungs, signs and sets."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from training.data.manifest import DataError
from training.data.reading import read_scans
from training.simulator.chest import CHEST_LABELS, draw_chest
from training.simulator.commands import add_simulate_arguments, simulate


def test_a_chest_has_two_dark_lungs_beside_a_bright_middle() -> None:
    chest = draw_chest("NORMAL", seed=1)
    middle = chest.image.shape[1] // 2

    assert chest.lungs[:, :middle].any()
    assert chest.lungs[:, middle:].any()
    assert not chest.lungs[:, middle].any()
    assert chest.image[chest.lungs].mean() < 0.6 * chest.image[:, middle].mean()


def test_pneumonia_is_a_bright_patch_within_the_lungs_of_the_same_chest() -> None:
    healthy, ill = draw_chest("NORMAL", seed=1), draw_chest("PNEUMONIA", seed=1)
    patch = ill.findings > 0

    assert not healthy.findings.any()
    assert (patch & ill.lungs).sum() > 0.9 * patch.sum() > 0
    assert ill.image[patch].mean() > healthy.image[patch].mean() + 20
    np.testing.assert_array_equal(ill.image[:50, :20], healthy.image[:50, :20])


def test_the_same_seed_gives_the_same_chest_and_each_number_another() -> None:
    first, again, other = (draw_chest("PNEUMONIA", 5, number).image for number in (0, 0, 1))

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match="'DME'.*NORMAL, PNEUMONIA"):
        draw_chest("DME", seed=1)


def run(*options: object) -> int:
    parser = argparse.ArgumentParser()
    add_simulate_arguments(parser)
    small = ("--modality", "chest-xray", "--height", 60, "--width", 72, "--workers", 1, "--per-class", 2)
    return simulate(parser.parse_args([str(option) for option in (*small, *options)]))


def test_a_set_of_chests_is_written_like_one_of_bscans(tmp_path: Path) -> None:
    out = tmp_path / "set"

    assert run("--out", out, "--sheet", tmp_path / "sheet.png") == 0

    scans = read_scans(out)
    assert [scan.label for scan in scans] == [label for label in CHEST_LABELS for _ in range(2)]
    assert all(scan.mask is not None and scan.source == "simulator" for scan in scans)
    assert (tmp_path / "sheet.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "message"), [(("--labels", "DME"), "there is no label DME"), (("--volumes",), "of oct only")]
)
def test_what_is_not_drawn_is_refused(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        run("--out", tmp_path / "set", *options)
