"""From the pixels of a B-scan to what the network is fed; training and serving share it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from handlers.card import InputSpec


def to_tensor(pixels: npt.NDArray[np.uint8], spec: InputSpec) -> torch.Tensor:
    """A B-scan, uint8 RGB (height, width, 3), as normalised float32 (3, size, size).

    Both sides are scaled to `spec.size` (resize "stretch"), bilinear and antialiased, so that the thin layers of a
    large scan are averaged and not skipped.
    """
    # A view in channels-last order: the resize has a fast path for it, and 40 megapixels are not copied.
    image = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0)
    square = functional.interpolate(
        image, size=(spec.size, spec.size), mode="bilinear", align_corners=False, antialias=True
    )
    mean = torch.tensor(spec.mean).view(3, 1, 1)
    std = torch.tensor(spec.std).view(3, 1, 1)
    return (square[0].float() / 255 - mean) / std
