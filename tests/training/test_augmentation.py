"""Random changes of batches: what they keep, what they change, and that they can be repeated."""

from typing import Any

import pytest
import torch

from training.augmentation import Augmentation
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


def augmented(recipe: Recipe, squares: torch.Tensor, size: int, seed: int = 0) -> torch.Tensor:
    return Augmentation(recipe, size)(squares, torch.Generator().manual_seed(seed))


def test_without_any_change_the_scan_stays_as_it_is() -> None:
    squares = batch()
    kept = augmented(load_recipe("published", NOTHING), squares, 32)
    assert torch.allclose(kept, squares.float() / 255, atol=1e-5)


def test_a_flip_mirrors_left_and_right() -> None:
    squares = batch()
    flipped = augmented(load_recipe("published", {**NOTHING, "flip": 1.0}), squares, 32)
    assert torch.allclose(flipped, squares.float().flip(3) / 255, atol=1e-5)


@pytest.mark.parametrize("name", ["published", "modern"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_recipe_gives_scans_of_the_input_size_between_black_and_white(name: str, channels: int) -> None:
    squares = batch(count=16, side=64, channels=channels)
    images = augmented(load_recipe(name), squares, 48)
    assert images.shape == (16, channels, 48, 48)
    assert images.min() >= 0 and images.max() <= 1
    assert torch.isfinite(images).all()


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
    squares = batch(count=2)
    squares[1] //= 4
    changed = augmented(load_recipe("published", {**NOTHING, "histogram": 1.0}), squares, 32)
    assert changed[0].max() <= 64 / 255  # the first takes on the last's
    before, after = squares[0].flatten().float(), changed[0].flatten()
    order = before.argsort(stable=True)
    assert (after[order].diff() >= -1e-6).float().mean() > 0.7
    assert torch.equal(after.sort().values, (squares[1].float() / 255).flatten().sort().values)
