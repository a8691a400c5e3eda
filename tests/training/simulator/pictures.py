"""Pictures that tests of grafting draw into."""

from __future__ import annotations

import numpy as np

from tests.images import Grey

WIDTH, HEIGHT = 256, 192


def noise(seed: int = 0) -> Grey:
    """A picture without any retina."""
    return np.random.default_rng(seed).integers(0, 60, (HEIGHT, WIDTH)).astype(np.uint8)
