"""Lesions drawn into healthy scans: layers, masks, and what stays as it was."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.images import Grey, bscan
from tests.training.simulator.pictures import HEIGHT, WIDTH, noise
from training.simulator import simulate
from training.simulator.grafting import LABELS, graft
from training.simulator.layers import corners, find_layers

SICK = [label for label in LABELS if label != "NORMAL"]
CORNER = 24

Bits = npt.NDArray[np.bool_]


def drawn(scan: Grey, label: str, seed: int) -> tuple[Grey, Bits]:
    found = graft(scan, label, seed)
    assert found is not None
    picture, findings = found
    return picture, findings > 0


def turned(scan: Grey, picture: Grey) -> Grey:
    """The scan, mirrored where its picture is."""
    return min((scan, scan[:, ::-1]), key=lambda side: float(np.abs(side.astype(float) - picture).mean()))


def with_white_corners(scan: Grey) -> tuple[Grey, Bits]:
    """The scan as a rotation leaves it in some archives, and where it is white."""
    rows, columns = np.indices(scan.shape)
    down, across = (np.minimum(at, at.max() - at) for at in (rows, columns))
    white = down + across < CORNER
    return np.where(white, 255, scan).astype(np.uint8), white


@pytest.mark.parametrize("seed", range(3))
def test_finds_where_the_retina_begins_and_ends(seed: int) -> None:
    layers = find_layers(bscan(WIDTH, HEIGHT, seed))

    x = np.linspace(-1, 1, WIDTH)
    pit = np.random.default_rng(seed).uniform(0.06, 0.12) * np.exp(-((x / 0.18) ** 2))
    assert layers.trusted
    np.testing.assert_allclose(layers.inner, HEIGHT * (0.36 + 0.05 * x**2 + pit), atol=4)
    # The bright band is as thick as 0.03 of the height; its upper edge counts.
    np.testing.assert_allclose(layers.outer, HEIGHT * (0.60 - 0.015 + 0.04 * x**2), atol=4)


def test_finds_layers_beneath_white_corners() -> None:
    scan, white = with_white_corners(bscan(WIDTH, HEIGHT))

    cornered, plain = find_layers(scan), find_layers(bscan(WIDTH, HEIGHT))

    assert cornered.trusted
    np.testing.assert_allclose(cornered.inner, plain.inner, atol=3)
    np.testing.assert_allclose(cornered.outer, plain.outer, atol=3)
    assert corners(scan)[white].all()


@pytest.mark.parametrize(
    "picture",
    [noise(), np.zeros((HEIGHT, WIDTH), np.uint8), np.full((HEIGHT, WIDTH), 255, np.uint8), noise()[:3, :5]],
    ids=["noise", "black", "white", "tiny"],
)
def test_draws_nothing_where_no_retina_is_found(picture: Grey) -> None:
    assert not find_layers(picture).trusted
    assert graft(picture, "CSR", 0) is None


@pytest.mark.parametrize("label", LABELS)
def test_same_seed_same_picture(label: str) -> None:
    scan = bscan(WIDTH, HEIGHT)
    (picture, mask), (again, mask_again), (other, _) = (drawn(scan, label, seed) for seed in (4, 4, 5))

    assert picture.dtype == np.uint8
    assert mask.dtype == np.bool_
    assert picture.shape == mask.shape == scan.shape
    np.testing.assert_array_equal(picture, again)
    np.testing.assert_array_equal(mask, mask_again)
    assert (picture != other).any()


@pytest.mark.parametrize("label", SICK)
def test_every_lesion_has_a_mask_and_is_where_the_scan_changed(label: str) -> None:
    for seed, scan in enumerate(simulate("NORMAL", 8, 1, 248, 256).images):
        found = graft(scan, label, seed)
        if found is None:
            continue
        picture, mask = found[0], found[1] > 0
        change = np.abs(turned(scan, picture).astype(float) - picture)

        assert 0 < mask.mean() < 0.35
        assert change[mask].mean() > 1.2 * change[~mask].mean()


@pytest.mark.parametrize("seed", range(4))
def test_serous_fluid_is_dark_and_rests_on_the_epithelium(seed: int) -> None:
    scan = bscan(WIDTH, HEIGHT)
    layers = find_layers(scan)
    picture, mask = drawn(scan, "CSR", seed)

    column = int(mask.sum(0).argmax())
    fluid = np.flatnonzero(mask[:, column])
    flat = layers.outer if (turned(scan, picture) == scan).all() else layers.outer[::-1]
    assert np.median(picture[mask]) < 30
    assert abs(fluid.max() - flat[column]) < 0.06 * HEIGHT
    assert picture[fluid.min() - 20 : fluid.min() - 3, column].mean() > 2 * picture[fluid, column].mean()


@pytest.mark.parametrize("seed", range(4))
def test_a_hole_is_a_dark_gap_near_the_middle(seed: int) -> None:
    picture, mask = drawn(bscan(WIDTH, HEIGHT), "MH", seed)

    assert np.median(picture[mask]) < 30
    assert 0.3 * WIDTH < mask.sum(0).argmax() < 0.7 * WIDTH


@pytest.mark.parametrize("seed", range(4))
def test_retinopathy_has_spots_brighter_than_the_retina_was(seed: int) -> None:
    scan = bscan(WIDTH, HEIGHT)
    picture, mask = drawn(scan, "DR", seed)

    before = turned(scan, picture)[mask]
    assert np.percentile(picture[mask], 90) > np.percentile(before, 90)


def test_healthy_scans_are_warped_but_have_no_mask() -> None:
    scan = bscan(WIDTH, HEIGHT)
    for seed in range(4):
        picture, mask = drawn(scan, "NORMAL", seed)

        assert not mask.any()
        assert (picture != turned(scan, picture)).any()


@pytest.mark.parametrize("label", LABELS)
def test_white_corners_stay_where_they_are(label: str) -> None:
    scan, white = with_white_corners(bscan(WIDTH, HEIGHT))
    near = cv2.dilate(white.astype(np.uint8), np.ones((3, 3))) > 0
    for seed in range(3):
        picture, mask = drawn(scan, label, seed)

        assert (picture[white] == 255).all()
        assert not mask[white].any()
        # No white is drawn into the dark beside them.
        for rows in (slice(CORNER), slice(-CORNER, None)):
            assert picture[rows][~near[rows]].max() < 150
