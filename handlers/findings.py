"""The map of findings: what a small decoder, beside the classifier on the same features, sees where in a scan."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTH = 32
"""Channels in the decoder: wide enough that twice as many find no more, and about 2 % of a ConvNeXt-Femto's work."""


class FindingsDecoder(nn.Module):
    """From the feature maps of a network's stages, finest first, to a logit per kind of finding and position.

    Each map is brought to `WIDTH` channels; from the coarsest on it is enlarged and added to the next finer one, as in
    a feature pyramid (T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017).
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
        found: torch.Tensor | None = None
        for narrow, norm, mix, features in zip(
            reversed(self.narrow), reversed(self.norms), reversed(self.mix), reversed(stages), strict=True
        ):
            here = narrow(norm(features.float()))
            if found is not None:
                here = here + functional.interpolate(found, size=here.shape[-2:], mode="bilinear")
            found = here + functional.gelu(mix(here))
        assert found is not None
        logits: torch.Tensor = self.kinds(functional.gelu(self.between(found)) + found)
        return logits
