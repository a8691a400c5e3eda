"""The decoder of findings: a small network that finds lesions in the features that the classifier uses, too."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTH = 32
"""Channels in the decoder. Twice as many find no more; so many take about 2 % of a ConvNeXt-Femto's work."""


class FindingsDecoder(nn.Module):
    """From the feature maps of a network's stages, finest first, to a logit per kind of finding and position.

    Each map is reduced to `WIDTH` channels. Beginning with the coarsest, it is enlarged and added to the next finer
    one, as in a feature pyramid (T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017).
    """

    def __init__(self, channels: list[int], kinds: int) -> None:
        """`channels` of each stage's map, finest first; `kinds` of finding, "none" included."""
        super().__init__()
        self.narrow = nn.ModuleList(nn.Conv2d(count, WIDTH, 1) for count in channels)
        self.norms = nn.ModuleList(nn.GroupNorm(1, count) for count in channels)
        self.mix = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH) for _ in channels)
        self.between = nn.Conv2d(WIDTH, WIDTH, 1)
        self.kinds = nn.Conv2d(WIDTH, kinds, 1)

    def forward(self, stages: list[torch.Tensor]) -> torch.Tensor:
        """Logits (batch, kinds, rows, columns) at the finest map's size, of maps (batch, channels, rows, columns)."""
        merged: torch.Tensor | None = None
        for narrow, norm, mix, features in zip(
            reversed(self.narrow), reversed(self.norms), reversed(self.mix), reversed(stages), strict=True
        ):
            here = narrow(norm(features.float()))
            if merged is not None:
                here = here + functional.interpolate(merged, size=here.shape[-2:], mode="bilinear")
            merged = here + functional.gelu(mix(here))
        assert merged is not None
        logits: torch.Tensor = self.kinds(functional.gelu(self.between(merged)) + merged)
        return logits
