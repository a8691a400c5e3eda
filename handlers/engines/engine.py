"""The interface of all engines: from pixels to logits, the last feature map and the findings."""

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
    """The results of a forward pass for one batch, all float32."""

    logits: torch.Tensor
    """(batch, labels)"""
    features: torch.Tensor | None = None
    """The last feature map (batch, channels, rows, columns); None for networks that are explained by autograd."""
    images: torch.Tensor | None = None
    """The normalised images (batch, 3, size, size), which autograd needs; None for other networks."""
    classified: torch.Tensor | None = None
    """The input (batch, channels) of the layer that gives the logits, for networks that are explained by autograd; None
    if there is no single such layer."""
    findings: torch.Tensor | None = None
    """The decoder's logits (batch, 1 + kinds, rows, columns); None for models without a map of findings."""

    @classmethod
    def of(cls, outputs: Sequence[torch.Tensor]) -> Forward:
        """From the outputs of a `ServingNetwork`: two, or three with a decoder."""
        logits, features, *findings = outputs
        return cls(logits, features, findings=findings[0] if findings else None)

    @cached_property
    def pooled(self) -> torch.Tensor | None:
        """A vector for each scan (batch, channels), by which statistics tell whether the scan is familiar.

        It is the mean of the last feature map over rows and columns, or else `classified`.
        """
        return self.classified if self.features is None else self.features.float().mean((2, 3))


class Engine(Protocol):
    """A loaded network; one call at a time."""

    @property
    def description(self) -> str:
        """Its name and precision, for logs."""

    def __call__(self, pixels: torch.Tensor) -> Forward:
        """Run the network on B-scans, uint8 (batch, 3, size, size), as `preprocessing.to_square` makes them."""
