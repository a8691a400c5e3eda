"""What a label's scans show, and what they must not tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.simulator import LABELS, simulate
from training.simulator.anatomy import healthy
from training.simulator.optics import reflectivity
from training.simulator.scans import draw_healthy, layers_in_mask
from training.simulator.section import Grid, Layer, Section
from training.simulator.signs import SIGNS

ROOT = Path(__file__).parents[3]
SICK = [label for label in LABELS if label != "NORMAL"]
SIZE = (124, 128)


def eye(seed: int) -> Section:
    grid = Grid(height=496, width=512, tall_um=3.9, wide_um=11.7)
    return healthy(grid, np.random.default_rng(seed))


@pytest.mark.parametrize("label", LABELS)
def test_same_seed_same_scans(label: str) -> None:
    first, again, other = (simulate(label, 2, seed, *SIZE) for seed in (4, 4, 5))

    assert first.images.dtype == np.uint8
    assert first.masks.dtype == np.bool_
    assert first.images.shape == first.masks.shape == (2, *SIZE)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.masks, again.masks)
    assert (first.images != other.images).any()
    assert (first.images[0] != first.images[1]).any()


def test_more_scans_begin_with_the_same_ones() -> None:
    np.testing.assert_array_equal(
        simulate("CSR", 1, 4, *SIZE).images[0], simulate("CSR", 3, 4, *SIZE).images[0]
    )


@pytest.mark.parametrize("label", SICK)
def test_every_lesion_is_in_the_picture(label: str) -> None:
    masks = simulate(label, 12, 1, *SIZE).masks

    shares = masks.mean((1, 2))
    assert shares.min() > 0
    assert shares.max() < 0.35


def test_healthy_scans_have_no_mask() -> None:
    assert not simulate("NORMAL", 6, 1, *SIZE).masks.any()


def test_a_lesion_is_where_the_scan_changed() -> None:
    for label in SICK:
        sick, well = simulate(label, 6, 3, *SIZE), simulate("NORMAL", 6, 3, *SIZE)
        change = np.abs(sick.images.astype(float) - well.images)

        assert change[sick.masks].mean() > 1.5 * change[~sick.masks].mean(), label


def test_every_label_has_its_signs_and_words_for_people() -> None:
    assert SIGNS.keys() == set(LABELS)
    told = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert [label for label in LABELS if f"\n| {label} | " not in told] == []


def test_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match="GLAUCOMA"):
        simulate("GLAUCOMA", 1, 0)


@pytest.mark.parametrize("label", LABELS)
def test_layers_keep_their_order(label: str) -> None:
    for seed in range(8):
        section = eye(seed)
        SIGNS[label](section, np.random.default_rng(seed))

        assert (section.thickness >= 0).all()
        assert (np.diff(section.tops(), axis=0) >= 0).all()


def test_fovea_is_thinner_than_its_rim() -> None:
    sections = [section for section in map(eye, range(40)) if section.aside_um < 100]
    inner = slice(Layer.NERVE_FIBRES, Layer.OUTER_NUCLEAR)

    for section in sections:
        thick = section.thickness[inner].sum(0)
        centre, rim = (int((section.fovea_um + away) / section.grid.wide_um) for away in (0, 900))
        if 0 <= centre < section.grid.width and rim < section.grid.width:
            assert thick[centre] < 0.8 * thick[rim]


@pytest.mark.parametrize("seed", range(4))
def test_serous_fluid_is_dark_between_retina_and_epithelium(seed: int) -> None:
    section = eye(seed)
    SIGNS["CSR"](section, np.random.default_rng(seed))
    decibels, _ = reflectivity(section)
    column = int(section.thickness[Layer.SUBRETINAL_FLUID].argmax())

    def seen(layer: Layer) -> float:
        middle = section.top(layer)[column] + section.thickness[layer][column] / 2
        return float(decibels[int(middle / section.grid.tall_um), column])

    assert seen(Layer.SUBRETINAL_FLUID) < min(seen(Layer.OUTER_NUCLEAR), seen(Layer.CHOROID)) - 3
    assert seen(Layer.PIGMENT_EPITHELIUM) > seen(Layer.SUBRETINAL_FLUID) + 10


def test_fluid_is_darker_than_its_surroundings_in_the_picture() -> None:
    scans = simulate("CSR", 12, 8)
    darker = 0
    for image, mask in zip(scans.images, scans.masks, strict=True):
        above = np.roll(mask, -25, 0) & ~mask  # the retina on top of the dome
        darker += image[mask].mean() < image[above].mean()

    assert darker >= 11


def test_a_hole_opens_the_retina_from_top_to_bottom() -> None:
    opened = 0
    for seed in range(12):
        section = eye(seed)
        SIGNS["MH"](section, np.random.default_rng(seed))
        mask = layers_in_mask(section, "MH").any()
        column = min(max(int(section.fovea_um / section.grid.wide_um), 0), section.grid.width - 1)
        first, last = (
            section.top(layer)[column] / section.grid.tall_um
            for layer in (Layer.NERVE_FIBRES, Layer.PIGMENT_EPITHELIUM)
        )
        opened += mask[int(first) + 3 : int(last) - 3, column].mean() > 0.95

    assert opened >= 7  # the others are lamellar or impending


def test_drusen_come_without_fluid() -> None:
    for seed in range(6):
        section = eye(seed)
        SIGNS["DRUSEN"](section, np.random.default_rng(seed))

        assert not section.thickness[Layer.SUBRETINAL_FLUID].any()
        assert section.thickness[Layer.BELOW_EPITHELIUM].max() > 10
        assert not section.spots


def test_serous_eyes_have_no_drusen_and_a_thicker_choroid() -> None:
    thicker = []
    for seed in range(12):
        section, before = eye(seed), eye(seed).thickness[Layer.CHOROID].mean()
        SIGNS["CSR"](section, np.random.default_rng(seed))
        lifted = section.thickness[Layer.BELOW_EPITHELIUM] > 0

        assert np.abs(np.diff(lifted.astype(int))).sum() <= 2  # one small detachment at most
        thicker.append(section.thickness[Layer.CHOROID].mean() - before)

    assert np.mean(thicker) > 20


def test_severity_varies() -> None:
    # A hole always spans the retina's depth, so its area varies less than its width.
    for label, times in {"CSR": 4, "DME": 4, "DRUSEN": 4, "MH": 2.5}.items():
        shares = np.sort(simulate(label, 24, 2, *SIZE).masks.mean((1, 2)))

        assert shares[-3] > times * shares[2], label


def test_device_and_eye_are_drawn_without_the_label() -> None:
    """The same number of the same seed is the same eye on the same device: only the lesion differs."""
    device, section = draw_healthy(7, 3)
    again, same = draw_healthy(7, 3)

    assert device == again
    np.testing.assert_array_equal(section.bruch, same.bruch)


@pytest.mark.parametrize("label", SICK)
def test_framing_tells_no_label(label: str) -> None:
    """Away from the lesion, the corners and borders of a scan are those of its healthy twin."""
    sick, well = simulate(label, 10, 6, *SIZE), simulate("NORMAL", 10, 6, *SIZE)

    white = [(scans.images > 250)[:, [0, -1]].mean((1, 2)) for scans in (sick, well)]
    np.testing.assert_allclose(*white, atol=0.1)
    assert abs(float(sick.images[:, :8].mean()) - float(well.images[:, :8].mean())) < 12
