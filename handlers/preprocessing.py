"""From the pixels of a B-scan to what the network is fed; training and serving share it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from handlers.card import InputSpec


def to_tensor(pixels: npt.NDArray[np.uint8], spec: InputSpec) -> torch.Tensor:
    """A B-scan, uint8 RGB (height, width, 3), as normalised float32 (3, size, size)."""
    return normalise(to_square(pixels, spec.size), spec)


def to_square(pixels: npt.NDArray[np.uint8], side: int) -> torch.Tensor:
    """A B-scan, uint8 RGB (height, width, 3), as uint8 (3, side, side).

    Both sides are scaled (resize "stretch"), bilinear and antialiased, so that the thin layers of a large scan are
    averaged and not skipped.
    """
    # A view in channels-last order: the resize has a fast path for it, and 40 megapixels are not copied.
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).unsqueeze(0)
    return functional.interpolate(
        image, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )[0]


def normalise(squares: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """Squares, uint8 (…, channels, size, size), as float32 in the units the network was trained on.

    One channel (grey) becomes three.
    """
    return normalise_unit(squares.float() / 255, spec)


def normalise_unit(images: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """The same for images of floats from 0 to 1."""
    mean = torch.tensor(spec.mean, device=images.device).view(3, 1, 1)
    std = torch.tensor(spec.std, device=images.device).view(3, 1, 1)
    return (images - mean) / std
