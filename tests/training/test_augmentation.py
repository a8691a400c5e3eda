"""Random changes of batches: what they keep, what they change, and that they can be repeated."""

from typing import Any

import pytest
import torch

from training.augmentation import Augmentation
from training.marks import drawn_marks
from training.recipe import Recipe, load_recipe

NOTHING: dict[str, Any] = {
    "flip": 0.0,
    "rotation_degrees": 0.0,
    "crop_smallest": 1.0,
    "crop_largest": 1.0,
    "crop_ratio": 1.0,
    "jitter": 0.0,
}


def batch(count: int = 4, side: int = 32, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (count, channels, side, side), generator=generator, dtype=torch.uint8)


def augmented(recipe: Recipe, scans: torch.Tensor, size: int, seed: int = 0) -> torch.Tensor:
    return Augmentation(recipe, size)(scans, torch.Generator().manual_seed(seed))


def test_without_any_change_the_scan_stays_as_it_is() -> None:
    scans = batch()
    kept = augmented(load_recipe("published", NOTHING), scans, 32)
    assert torch.allclose(kept, scans.float() / 255, atol=1e-5)


def test_a_flip_mirrors_left_and_right() -> None:
    scans = batch()
    flipped = augmented(load_recipe("published", {**NOTHING, "flip": 1.0}), scans, 32)
    assert torch.allclose(flipped, scans.float().flip(3) / 255, atol=1e-5)


@pytest.mark.parametrize("name", ["published", "modern"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_recipe_gives_scans_of_the_input_size_between_black_and_white(name: str, channels: int) -> None:
    scans = batch(count=16, side=64, channels=channels)
    images = augmented(load_recipe(name), scans, 48)
    assert images.shape == (16, channels, 48, 48)
    assert images.min() >= 0 and images.max() <= 1
    assert torch.isfinite(images).all()


def test_the_plain_view_shares_the_place_of_a_scan_and_not_its_look() -> None:
    place = {**NOTHING, "flip": 1.0}
    looks = {"gamma": 0.5, "noise": 0.1, "haze": 0.3, "marks": 1.0, "waves": 1.0}
    recipe = load_recipe("published", {**place, **looks})

    images, plain = Augmentation(recipe, 32).views(batch(), torch.Generator().manual_seed(0))

    assert torch.allclose(plain, batch().float().flip(3) / 255, atol=1e-5)
    assert not torch.allclose(images, plain, atol=0.05)


def test_the_same_generator_draws_the_same() -> None:
    recipe = load_recipe("modern")
    first, again, other = (augmented(recipe, batch(), 32, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_lies_outside_is_black_or_white() -> None:
    grey = torch.full((64, 1, 32, 32), 128, dtype=torch.uint8)
    turned = {**NOTHING, "rotation_degrees": 15.0, "crop_smallest": 1.15, "crop_largest": 1.15}
    black = augmented(load_recipe("published", turned), grey, 32)
    white = augmented(load_recipe("published", {**turned, "white_outside": 1.0}), grey, 32)
    assert black.min() == 0 and black.max() < 0.51
    assert white.max() == 1 and white.min() > 0.49


def test_a_small_input_is_averaged_and_not_skipped() -> None:
    stripes = torch.zeros((2, 1, 64, 64), dtype=torch.uint8)
    stripes[:, :, ::2] = 255
    small = augmented(load_recipe("published", NOTHING), stripes, 16)
    assert (small[:, :, 2:-2, 2:-2] - 0.5).abs().max() < 0.1


def test_taking_on_another_scans_grey_values_keeps_the_order_of_brightness() -> None:
    scans = batch(count=2)
    scans[1] //= 4
    changed = augmented(load_recipe("published", {**NOTHING, "histogram": 1.0}), scans, 32)
    assert changed[0].max() <= 64 / 255  # the first takes on the last's
    before, after = scans[0].flatten().float(), changed[0].flatten()
    order = before.argsort(stable=True)
    assert (after[order].diff() >= -1e-6).float().mean() > 0.7
    assert torch.equal(after.sort().values, (scans[1].float() / 255).flatten().sort().values)


LOOKS: dict[str, Any] = {
    "waves": {"waves": 1.0},
    "haze": {"haze": 0.3},
    "blur": {"blur": 1.0, "blur_width": 2.0},
    "motion": {"motion": 1.0},
    "bend": {"bend": 0.1},
    "cuts": {"cuts": 1.0},
    "marks": {"marks": 1.0},
}


def with_look(name: str, scans: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return augmented(load_recipe("published", {**NOTHING, "flip": 0.0, **LOOKS[name]}), scans, 64, seed)


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("channels", [1, 3])
def test_another_devices_look_changes_scans_and_can_be_repeated(name: str, channels: int) -> None:
    scans = batch(count=8, side=64, channels=channels)
    images = with_look(name, scans)
    assert images.shape == scans.shape and torch.isfinite(images).all()
    assert images.min() >= 0 and images.max() <= 1
    assert torch.equal(images, with_look(name, scans))
    assert (images - scans.float() / 255).abs().mean() > 0.003


def test_haze_fills_the_dark_and_leaves_white_white() -> None:
    halves = torch.zeros((16, 1, 64, 64), dtype=torch.uint8)
    halves[:, :, 32:] = 255
    hazy = with_look("haze", halves)
    assert torch.equal(hazy[:, :, 33:], torch.ones_like(hazy[:, :, 33:]))
    assert hazy[:, :, :31].mean() > 0.05


def test_a_point_spread_keeps_the_light_and_softens_edges_both_ways() -> None:
    dots = torch.zeros((16, 1, 64, 64), dtype=torch.uint8)
    dots[:, :, 32, 32] = 255
    soft = with_look("blur", dots)
    assert torch.allclose(soft.sum((1, 2, 3)), torch.ones(16), atol=1e-3)
    assert (soft[:, 0, 32, 31] > 1e-4).any() and (soft[:, 0, 31, 32] > 1e-4).any()


def test_swapped_waves_bring_another_scans_brightness_and_keep_the_edges() -> None:
    scans = batch(count=2, side=64) // 4
    scans[1] += 120
    before = scans.float() / 255
    after = with_look("waves", scans)
    assert after[0].mean() > before[0].mean() + 0.1
    across = [picture[0].diff(dim=1).flatten() for picture in (before, after)]
    assert torch.corrcoef(torch.stack(across))[0, 1] > 0.9


def test_motion_moves_columns_as_a_whole() -> None:
    lines = torch.zeros((16, 1, 64, 64), dtype=torch.uint8)
    lines[:, :, 30:34] = 255
    moved = with_look("motion", lines)
    rows = torch.arange(64.0).view(1, 64, 1)
    centres = (moved[:, 0] * rows).sum(1) / moved[:, 0].sum(1)
    steps = (centres.diff(dim=1).abs() > 0.05).sum(1)
    assert (steps >= 1).any() and (steps <= 3).all()


def test_cuts_lie_at_the_border_and_are_of_one_grey() -> None:
    grey = torch.full((64, 1, 64, 64), 128, dtype=torch.uint8)
    cut = with_look("cuts", grey)
    changed = (cut - 128 / 255).abs() > 1e-4
    assert changed.flatten(1).any(1).float().mean() > 0.9
    assert not changed[:, 0, 28:36, 28:36].any()
    for picture, where in zip(cut, changed, strict=True):
        assert len(picture[where].unique()) <= 1


def test_marks_are_always_the_same_and_cover_little() -> None:
    covers, greys = drawn_marks(64)
    assert covers.shape == greys.shape and covers.dtype == torch.uint8
    share = (covers > 127).float().mean((1, 2))
    assert (share > 0).all() and share.median() < 0.2
    drawn_marks.cache_clear()
    assert torch.equal(drawn_marks(64)[0], covers)
