"""What the network is fed."""

import numpy as np
import pytest
import torch
from PIL import Image

from handlers.card import InputSpec
from handlers.preprocessing import seen, to_tensor
from imaging.pixels import grey_to_rgb
from tests.images import bscan

SPEC = InputSpec(size=64, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))


@pytest.mark.parametrize(("width", "height"), [(768, 496), (40, 300), (64, 64), (1, 1)])
def test_any_shape_becomes_a_normalised_square(width: int, height: int) -> None:
    pixels = np.full((height, width, 3), 51, np.uint8)
    tensor = to_tensor(pixels, SPEC)
    assert tensor.shape == (3, 64, 64)
    assert tensor.dtype == torch.float32
    expected = [(0.2 - 0.5) / 0.2, (0.2 - 0.4) / 0.25, (0.2 - 0.3) / 0.5]
    assert tensor.mean((1, 2)).tolist() == pytest.approx(expected, abs=1e-6)


def test_it_is_scaled_as_pillow_scales() -> None:
    """The antialiased bilinear resize that image libraries agree on."""
    pixels = grey_to_rgb(bscan(768, 496, seed=3))
    plain = InputSpec(size=224, mean=(0, 0, 0), std=(1, 1, 1))
    found = to_tensor(pixels, plain).permute(1, 2, 0).numpy() * 255
    reference = np.asarray(Image.fromarray(pixels).resize((224, 224), Image.Resampling.BILINEAR))
    assert np.abs(found - reference).max() <= 1


def test_channels_keep_their_order() -> None:
    pixels = np.zeros((50, 50, 3), np.uint8)
    pixels[..., 0] = 255
    red, green, blue = to_tensor(pixels, InputSpec(size=32, mean=(0, 0, 0), std=(1, 1, 1))).mean((1, 2))
    assert (red, green, blue) == (1, 0, 0)


@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90), (60, 60)])
def test_a_crop_shows_the_largest_square_of_the_middle(width: int, height: int) -> None:
    pixels = np.full((height, width, 3), 255, np.uint8)
    left, top = (width - 60) // 2, (height - 60) // 2
    pixels[top : top + 60, left : left + 60] = 100
    cropped = InputSpec(size=32, mean=(0, 0, 0), std=(1, 1, 1), resize="crop")

    assert torch.allclose(to_tensor(pixels, cropped), torch.tensor(100 / 255))
    assert seen(width, height, "crop") == (left, top, 60, 60)
    assert seen(width, height, "stretch") == (0, 0, width, height)
