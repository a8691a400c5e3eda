"""What every engine is: squares go in, logits and the last feature map come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch


class EngineUnavailable(Exception):
    """An engine that can't run here; the message says why, for people."""


@dataclass(frozen=True)
class Forward:
    """What one forward of a batch gave, all float32.

    `logits` are (batch, labels). `features` are the last feature map (batch, channels, rows, columns); None for
    networks that are explained by autograd, which needs the normalised `images` (batch, 3, size, size) instead.
    """

    logits: torch.Tensor
    features: torch.Tensor | None = None
    images: torch.Tensor | None = None


class Engine(Protocol):
    """A loaded network; one call at a time."""

    @property
    def description(self) -> str:
        """Its name and precision, for logs."""

    def __call__(self, squares: torch.Tensor) -> Forward:
        """Run the network on B-scans, uint8 (batch, 3, size, size), as `preprocessing.to_square` makes them."""
