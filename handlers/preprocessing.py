"""From the pixels of a B-scan to the network's input. Training and serving share it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from handlers.card import CROP, STRETCH, InputSpec


def to_tensor(pixels: npt.NDArray[np.uint8], spec: InputSpec) -> torch.Tensor:
    """A B-scan, uint8 RGB (height, width, 3), as normalised float32 (3, size, size)."""
    return normalise(to_square(pixels, spec.size, spec.resize), spec)


def to_square(pixels: npt.NDArray[np.uint8], side: int, resize: str = STRETCH) -> torch.Tensor:
    """A picture, uint8 RGB (height, width, 3), as uint8 (3, side, side), made square as `resize` says.

    It is scaled bilinearly and antialiased, so that the thin layers of a large scan are averaged rather than skipped.
    """
    left, top, width, height = seen(pixels.shape[1], pixels.shape[0], resize)
    pixels = pixels[top : top + height, left : left + width]
    # A view in channels-last order, for which resizing has a fast path. 40 megapixels are not copied.
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).unsqueeze(0)
    return functional.interpolate(
        image, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )[0]


def seen(width: int, height: int, resize: str) -> tuple[int, int, int, int]:
    """The part of a picture of `width` × `height` pixels that the network sees: left, top, width, height."""
    if resize != CROP:
        return 0, 0, width, height
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side, side


def normalise(pixels: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """Pixels, uint8 (…, channels, size, size), as float32 in the units that the network was trained on.

    One channel (grey) becomes three.
    """
    return normalise_unit(pixels.float() / 255, spec)


def normalise_unit(images: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """Normalise images (…, channels, size, size) of floats from 0 to 1 as `normalise` does."""
    mean = torch.tensor(spec.mean, device=images.device).view(3, 1, 1)
    std = torch.tensor(spec.std, device=images.device).view(3, 1, 1)
    return (images - mean) / std
