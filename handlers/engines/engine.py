"""What every engine is: squares go in, logits, the last feature map and what is found where come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch


class EngineUnavailable(Exception):
    """An engine that can't run here; the message says why, for people."""


@dataclass(frozen=True)
class Forward:
    """What one forward of a batch gave, all float32.

    `logits` are (batch, labels). `features` are the last feature map (batch, channels, rows, columns); None for
    networks that are explained by autograd, which needs the normalised `images` (batch, 3, size, size) instead, and of
    which `classified` (batch, channels) is what the last layer got; None where no single layer gives the logits.
    `findings` are the decoder's logits (batch, kinds and "none", rows, columns); None for models without a map of them.
    """

    logits: torch.Tensor
    features: torch.Tensor | None = None
    images: torch.Tensor | None = None
    classified: torch.Tensor | None = None
    findings: torch.Tensor | None = None

    @classmethod
    def of(cls, outputs: Sequence[torch.Tensor]) -> Forward:
        """What a `ServingNetwork` gave: two outputs, or three with a decoder."""
        logits, features, *findings = outputs
        return cls(logits, features, findings=findings[0] if findings else None)

    @cached_property
    def pooled(self) -> torch.Tensor | None:
        """A vector (batch, channels) for each scan, by which it is told whether it is familiar.

        It is the mean of the last feature map over rows and columns, or what the last layer got.
        """
        return self.classified if self.features is None else self.features.float().mean((2, 3))


class Engine(Protocol):
    """A loaded network; one call at a time."""

    @property
    def description(self) -> str:
        """Its name and precision, for logs."""

    def __call__(self, squares: torch.Tensor) -> Forward:
        """Run the network on B-scans, uint8 (batch, 3, size, size), as `preprocessing.to_square` makes them."""
