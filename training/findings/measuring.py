"""Fits a decoder's temperature and thresholds on validation scans, and measures each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from handlers.card import InputSpec
from handlers.findings import FindingsDecoder
from handlers.preprocessing import normalise
from training.explanation.measures import energy, pointing_game
from training.findings.kinds import KINDS
from training.findings.learning import Stages
from training.hardware import Hardware

BATCH = 32
LEAST_SHARE = 0.002
"""Share of the picture that a finding must cover: 6 positions of 56 × 56."""
THRESHOLDS = tuple(round(0.3 + 0.05 * step, 2) for step in range(13))
MOST_FALSE = 0.03
"""Share of real healthy validation scans in which a kind may be found."""
LEAST_POINTING = 0.6
LEAST_FOUND = 0.6
LEAST_SCANS = 10
"""What a kind needs to be kept; `KindMetrics` explains them."""
TEMPERATURES = torch.logspace(-0.7, 0.7, 57)

Maps = npt.NDArray[np.float32]


@dataclass(frozen=True)
class KindMetrics:
    """The metrics of a kind, from 0 to 1; `scans` counts the masked scans that show it.

    - `pointing` and `energy`: pointing game and energy inside the mask, on scans that show the kind.
    - `found`: share of these scans in which it is found.
    - `dice`: Dice coefficient over all positions of all masked scans, at `threshold`.
    - `false`: share of real healthy scans in which it is found.
    """

    scans: int
    threshold: float
    pointing: float
    energy: float
    found: float
    dice: float
    false: float

    @property
    def holds(self) -> bool:
        """Whether the kind is good enough to be named by a model."""
        return (
            self.scans >= LEAST_SCANS
            and self.pointing >= LEAST_POINTING
            and self.found >= LEAST_FOUND
            and self.false <= MOST_FALSE
        )


@torch.no_grad()
def logits_of(
    network: nn.Module, decoder: FindingsDecoder, spec: InputSpec, pixels: npt.NDArray[np.uint8]
) -> torch.Tensor:
    """Logits (scans, channels, rows, columns) of pixels, uint8 (scans, 1 or 3, size, size)."""
    stages = Stages(network, Hardware.detect())
    logits = []
    for first in range(0, len(pixels), BATCH):
        part = torch.from_numpy(np.array(pixels[first : first + BATCH]))
        inputs = normalise(part, spec).expand(-1, 3, -1, -1)
        logits.append(decoder(stages(inputs)).float().cpu())
    return torch.cat(logits)


def fit_temperature(logits: torch.Tensor, shares: torch.Tensor) -> float:
    """The temperature of logits (scans, channels, rows, columns) at which probabilities fit the `shares` best."""
    losses = [
        -(shares * (logits / temperature).log_softmax(1)).sum(1).mean().item() for temperature in TEMPERATURES
    ]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 3)


def measure(
    masked: torch.Tensor,
    marks: npt.NDArray[np.uint8],
    healthy: torch.Tensor,
    kinds: Sequence[str] = KINDS,
) -> dict[str, KindMetrics]:
    """The metrics of each kind, from probabilities (scans, 1 + kinds, rows, columns) of masked and real healthy scans.

    `marks` (scans, side, side) are the masks, numbered like `KINDS`. The threshold is the lowest at which at most
    `MOST_FALSE` of the healthy scans show the kind.
    """
    side = marks.shape[1]
    metrics: dict[str, KindMetrics] = {}
    for channel, kind in enumerate(kinds, 1):
        here = marks == KINDS.index(kind) + 1
        shown = here.mean((1, 2)) >= LEAST_SHARE / 2
        maps = _enlarged(masked[:, channel], side)
        threshold = next((at for at in THRESHOLDS if _share_with(healthy, channel, at) <= MOST_FALSE), None)
        threshold = THRESHOLDS[-1] if threshold is None else threshold
        seen = (maps >= threshold) & _leading(masked, channel, side)
        both = float((seen & here).sum())
        metrics[kind] = KindMetrics(
            scans=int(shown.sum()),
            threshold=threshold,
            pointing=_mean(pointing_game(maps[shown], here[shown], 0.0)),
            energy=_mean(energy(maps[shown], here[shown])),
            found=_mean((seen & here)[shown].any((1, 2)).astype(np.float64)),
            dice=round(2 * both / max(float(seen.sum() + here.sum()), 1.0), 3),
            false=_share_with(healthy, channel, threshold),
        )
    return metrics


def _leading(probabilities: torch.Tensor, channel: int, side: int) -> npt.NDArray[np.bool_]:
    """Where a kind is more probable than all others: bool (scans, side, side)."""
    first = (probabilities[:, 1:].argmax(1) + 1 == channel).float()
    return _enlarged(first, side) > 0.5


def _share_with(probabilities: torch.Tensor, channel: int, threshold: float) -> float:
    """The share of scans in which a kind covers at least `LEAST_SHARE`."""
    seen = (probabilities[:, channel] >= threshold) & (probabilities[:, 1:].argmax(1) + 1 == channel)
    return round(float((seen.float().mean((1, 2)) >= LEAST_SHARE).float().mean()), 4)


def _enlarged(maps: torch.Tensor, side: int) -> Maps:
    large = functional.interpolate(maps.unsqueeze(1), size=(side, side), mode="bilinear")
    return np.asarray(large[:, 0].numpy(), np.float32)


def _mean(values: npt.NDArray[np.float64]) -> float:
    return round(float(values.mean()), 3) if len(values) else 0.0


def as_metrics(measured: dict[str, KindMetrics], healthy: Sequence[object]) -> dict[str, object]:
    """The metrics for the card, including those of kinds that are left out."""
    return {"healthy_scans": len(healthy), "kinds": {kind: asdict(row) for kind, row in measured.items()}}
