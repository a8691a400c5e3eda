"""The router says what a picture looks like, and nothing when it isn't sure."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

import modalities
from modalities.features import features
from modalities.look import LEAST_PICTURES, made, read
from modalities.profile import ProfileError
from modalities.reading import problems
from modalities.router import OTHER, judged, look_at
from tests.images import bscan
from tests.modalities.folders import write_modality
from tests.modalities.pictures import fundus


@cache
def drawn_look() -> str:
    """The look of pictures that the tests draw."""
    drawn = [features(fundus(("NORMAL", "DR")[seed // 2 % 2], seed)) for seed in range(40)]
    return json.dumps(asdict(made(drawn)))


def with_a_look(more: Path) -> Path:
    """Give the modality `fundus` in that folder a look."""
    (more / "fundus" / "look.json").write_text(drawn_look())
    return more


@pytest.mark.parametrize("size", [(512, 384), (300, 200), (96, 96)])
def test_a_bscan_looks_like_oct_whatever_its_size(size: tuple[int, int]) -> None:
    assert [look_at(bscan(*size, seed)).said for seed in range(3)] == ["oct"] * 3


def test_grey_and_colour_pixels_of_one_picture_look_alike() -> None:
    grey = bscan()
    assert look_at(grey) == look_at(np.dstack([grey] * 3))


def test_what_is_of_no_modality_is_said_to_be_other() -> None:
    noise = np.random.default_rng(0)
    page = np.full((400, 300, 3), 255, np.uint8)
    for row in range(30, 380, 25):
        cv2.putText(page, "a page of a letter", (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    for picture in (
        fundus(),
        page,
        noise.integers(0, 256, (200, 300, 3), dtype=np.uint8),
        np.full((200, 300, 3), 90, np.uint8),
        cv2.applyColorMap(bscan(), cv2.COLORMAP_JET),
    ):
        assert look_at(picture).said == OTHER


def test_a_bscan_on_its_side_is_asked_about() -> None:
    assert look_at(np.ascontiguousarray(np.rot90(bscan()))).said in (None, OTHER)


def test_a_third_modality_joins_by_its_look_alone(tmp_path: Path) -> None:
    more = write_modality(tmp_path)
    # Until it has one, no picture can be said to be of none of the modalities.
    assert look_at(fundus(seed=100), modalities.profiles(more)).said is None

    with_a_look(more)

    known = modalities.profiles(more)
    assert [look_at(fundus("DR", seed), known).said for seed in range(100, 105)] == ["fundus"] * 5
    assert look_at(bscan(), known).said == "oct"
    assert look_at(np.full((200, 300, 3), 90, np.uint8), known).said == OTHER


def test_two_looks_that_a_picture_fits_alike_leave_it_open() -> None:
    oct_look = read(modalities.profile("oct").look_path)
    measured = features(bscan())
    assert judged(measured, {"one": oct_look}).said == "one"
    assert judged(measured, {"one": oct_look, "another": oct_look}).said is None


def test_a_picture_that_is_turned_or_inverted_has_the_numbers_of_that_pose() -> None:
    square = bscan(256, 256, seed=1)
    poses = list(features(square).poses())
    for turn in range(4):
        for inverted in range(2):
            turned = np.ascontiguousarray(np.rot90(square, turn))
            measured = features(255 - turned if inverted else turned).form
            np.testing.assert_allclose(measured, poses[2 * turn + inverted], atol=0.02)


def test_a_look_is_the_same_each_time_and_takes_some_pictures() -> None:
    drawn = [features(fundus(seed=seed)) for seed in range(LEAST_PICTURES)]
    assert made(drawn) == made(drawn)
    with pytest.raises(ProfileError, match=f"takes {LEAST_PICTURES} pictures or more, and there are 3"):
        made(drawn[:3])


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"version": 1', '"version": 2', "version must be 1, not 2"),
        ('"limit"', '"limits"', "form.limit is missing"),
        ('"rest": ', '"rest": -', "form.rest must be greater than 0"),
        ('"mean": "', '"mean": "?', "form.mean must be numbers of 16 bits in Base64"),
        ('"mean": "', '"mean": "AAAAAAAA', "form has 451 numbers, and 448 are measured"),
        ("{", "", "not valid JSON"),
    ],
)
def test_a_look_that_can_not_be_used_is_told_by_file_and_field(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    more = with_a_look(write_modality(tmp_path))
    path = more / "fundus" / "look.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ProfileError) as refused:
        read(path)
    assert named in str(refused.value) and str(path) in str(refused.value)
    assert [named in problem for problem in problems(more)] == [True]
