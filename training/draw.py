"""Random values for a batch of scans, from one generator of the CPU, so that they are the same on every device."""

from __future__ import annotations

import torch


class Draw:
    """Draws random values, one for each scan of a batch, on the CPU, and moves them to the batch's device."""

    def __init__(self, generator: torch.Generator, count: int, device: torch.device) -> None:
        self._generator, self._count, self._device = generator, count, device

    def uniform(self, least: float, most: float) -> torch.Tensor:
        """Values (batch,) from `least` to `most`."""
        values = torch.rand(self._count, generator=self._generator)
        return (least + values * (most - least)).to(self._device)

    def chance(self, probability: float) -> torch.Tensor:
        """Booleans (batch,), true with that probability."""
        return self.uniform(0, 1) < probability

    def normal(self, like: torch.Tensor) -> torch.Tensor:
        """Normally distributed values in the shape of a batch, the same for all channels of a pixel."""
        shape = (len(like), 1, *like.shape[2:])
        if like.device.type == "cpu":
            return torch.randn(shape, generator=self._generator)
        seed = int(torch.randint(2**31, (), generator=self._generator))
        return torch.randn(
            shape, generator=torch.Generator(like.device).manual_seed(seed), device=like.device
        )

    def per_scan(self, values: torch.Tensor) -> torch.Tensor:
        """Values (batch,) as (batch, 1, 1, 1), which broadcasts over (batch, channels, height, width)."""
        return values.view(-1, 1, 1, 1)
