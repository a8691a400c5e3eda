"""The eye that an en-face image suggests: right or nothing, and nothing where the disc is not seen."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.decoding import examine_volume
from imaging.laterality import eye_of, suggested
from tests.volume_files import bscans, opt
from training.simulator.enface import ENFACE_UM
from training.simulator.volume_writing import as_zip
from training.simulator.volumes import SimulatedVolume, simulate_volume

SEED = 8
OTHER = {"OD": "OS", "OS": "OD", "": ""}


@pytest.fixture(scope="module")
def drawn() -> list[SimulatedVolume]:
    """Volumes of one small B-scan, with en-face images of the usual size."""
    labels = ("NORMAL", "CNV", "DME", "AMD", "MH", "NORMAL", "DRUSEN", "DR")
    return [simulate_volume(label, SEED, number, 1, (124, 128)) for number, label in enumerate(labels)]


def test_it_is_right_or_says_nothing(drawn: list[SimulatedVolume]) -> None:
    found = [suggested(each.enface, ENFACE_UM) for each in drawn]
    assert {(each.eye, said) for each, said in zip(drawn, found, strict=True) if said} == {
        ("OD", "OD"),
        ("OS", "OS"),
    }
    assert len([said for said in found if said]) >= len(drawn) // 2


def test_a_mirrored_image_is_of_the_other_eye_and_colours_do_not_matter(drawn: list[SimulatedVolume]) -> None:
    for each in drawn:
        said = suggested(each.enface, ENFACE_UM)
        assert suggested(each.enface[:, ::-1].copy(), ENFACE_UM) == OTHER[said]
        assert suggested(np.dstack([each.enface] * 3), ENFACE_UM) == said


def test_without_a_disc_nothing_is_said(drawn: list[SimulatedVolume]) -> None:
    for each in drawn:
        upright = each.enface if each.eye == "OD" else each.enface[:, ::-1]
        temporal = upright[:, : upright.shape[1] // 2]
        assert suggested(np.hstack([temporal, temporal[:, ::-1]]), ENFACE_UM) == ""


@pytest.mark.parametrize("micrometres", [0.001, 4.0, 40.0, 1e9])
def test_a_field_of_another_size_is_left_alone(drawn: list[SimulatedVolume], micrometres: float) -> None:
    assert suggested(drawn[0].enface, micrometres) == ""


@pytest.mark.parametrize("shape", [(1, 768), (768, 1), (1, 1), (768, 768)])
def test_an_image_without_anything_in_it_says_nothing(shape: tuple[int, int]) -> None:
    assert suggested(np.zeros(shape, np.uint8), 11.5) == ""


def test_the_scale_follows_from_the_lines_of_the_bscans(drawn: list[SimulatedVolume]) -> None:
    sure = next(each for each in drawn if suggested(each.enface, ENFACE_UM))
    with examine_volume(as_zip(sure, SEED, 0)) as volume:
        image = volume.enface()
        assert image is not None
        assert eye_of(volume, image.pixels) == sure.eye
    with examine_volume(opt(bscans(2))) as volume:  # on lines of a photograph that is not there
        assert eye_of(volume, np.zeros((64, 64, 3), np.uint8)) == ""
