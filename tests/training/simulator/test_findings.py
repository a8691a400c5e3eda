"""What each pixel of a drawn lesion is: as drawn, and as stored in a mask."""

from __future__ import annotations

import numpy as np
import pytest

from training.simulator import simulate
from training.simulator.findings import Covers, Finding, as_mask, from_mask
from training.simulator.grafting import graft

SIZE = (248, 256)

EXPECTED = {
    "AMD": {Finding.EPITHELIUM},
    "CNV": {Finding.EPITHELIUM, Finding.MATERIAL, Finding.FLUID_BELOW},
    "CSR": {Finding.FLUID_BELOW},
    "DME": {Finding.FLUID_WITHIN, Finding.FOCI},
    "DR": {Finding.FOCI},
    "DRUSEN": {Finding.EPITHELIUM},
    "MH": {Finding.HOLE},
}
NEVER = {
    "CSR": {Finding.HOLE, Finding.MATERIAL, Finding.FLUID_WITHIN},
    "DME": {Finding.HOLE, Finding.MATERIAL, Finding.EPITHELIUM},
    "DR": {Finding.HOLE, Finding.MATERIAL, Finding.EPITHELIUM, Finding.FLUID_BELOW},
    "DRUSEN": set(Finding) - {Finding.NONE, Finding.EPITHELIUM},
}


def kinds(marks: np.ndarray) -> set[Finding]:
    return {Finding(number) for number in np.unique(marks)}


@pytest.mark.parametrize("label", EXPECTED)
def test_a_label_s_signs_are_named(label: str) -> None:
    drawn = kinds(simulate(label, 10, 4, *SIZE).findings)

    assert EXPECTED[label] <= drawn
    assert not NEVER.get(label, set()) & drawn


@pytest.mark.parametrize(
    ("label", "finding"),
    [("CSR", Finding.FLUID_BELOW), ("DME", Finding.FLUID_WITHIN), ("DR", Finding.FOCI), ("MH", Finding.HOLE)],
)
def test_signs_drawn_into_real_scans_are_named(label: str, finding: Finding) -> None:
    healthy = simulate("NORMAL", 8, 1, *SIZE).images
    drawn = [found for seed, scan in enumerate(healthy) if (found := graft(scan, label, seed)) is not None]

    assert drawn
    assert sum(bool((marks == finding).any()) for _, marks in drawn) >= 0.7 * len(drawn)


def test_the_kind_that_covers_a_pixel_most_is_named() -> None:
    covers = Covers((1, 4))
    covers.add(Finding.OTHER, 0, 0, np.array([[0.8, 0.8, 0.3, 0.0]], np.float32))
    covers.add(Finding.FLUID_WITHIN, 0, 1, np.array([[0.9, 0.2]], np.float32))

    assert covers.marks(0.5).tolist() == [[Finding.OTHER, Finding.FLUID_WITHIN, Finding.NONE, Finding.NONE]]
    np.testing.assert_allclose(covers.any(), [[0.8, 0.9, 0.3, 0.0]], atol=1e-6)


def test_a_stored_mask_keeps_the_kinds_and_stays_nearly_white() -> None:
    marks = np.array([[*Finding]], np.uint8)
    mask = as_mask(marks)

    assert from_mask(mask).tolist() == marks.tolist()
    assert mask[0, 0] == 0
    assert mask[0, 1:].min() > 240


def test_of_masks_without_kinds_a_lesion_is_other() -> None:
    """Masks of black and white alone, as people draw them and as earlier versions wrote them."""
    mask = np.array([[0, 100, 200, 255]], np.uint8)

    assert from_mask(mask).tolist() == [[Finding.NONE, Finding.NONE, Finding.OTHER, Finding.OTHER]]
